import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { CleanerPlace } from "@trainyard/shared/logs/lines/clean-lines.ts";
import { createLinePattern } from "@trainyard/shared/logs/lines/line-pattern.ts";
import { aroundMatches, parseLogAround } from "@trainyard/shared/logs/lines/log-around.ts";
import type { LineMatch } from "@trainyard/shared/logs/lines/log-around.ts";
import { parseLogSince } from "@trainyard/shared/logs/lines/log-since.ts";
import type { LogSince } from "@trainyard/shared/logs/lines/log-since.ts";
import { pickAround, pickOldest } from "@trainyard/shared/logs/lines/pick-lines.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { attemptFiles } from "../home.ts";
import { parseSpec } from "../jobs/attempt-spec.ts";
import type { AttemptRow } from "../spool.ts";
import { answerOf } from "./log-answer.ts";
import type { ReadStream, StreamName } from "./log-answer.ts";
import { endOf, isSame, openLogFile } from "./log-file.ts";
import type { LogFile, ScanBudget } from "./log-file.ts";
import { logStart, lookAtEnd, lookFrom, placeOfTime } from "./log-look.ts";
import type { LookOptions } from "./log-look.ts";
import type { OperationContext, OperationHandler } from "./operation-context.ts";

type Args = OperationArgs<"read-log">;
type Value = OperationValue<"read-log">;

/** Looks at the files where they lie; nothing of a log is kept between two calls but the caller's cursor. */
export const readLog: OperationHandler<"read-log"> = async (args, context) => {
  const since = args.since == null ? null : parseLogSince(args.since);
  const attempts = context.spool.attemptsOf(args.jobId);
  const asked = args.attempt ?? (since?.kind === "cursor" ? since.cursor.attempt : null);
  const row = attempts.find(({ attempt }) => attempt === (asked ?? attempts.at(-1)?.attempt));
  if (row === undefined) throw unknown(args.jobId, asked, attempts);
  const value = await readAttempt(args, since, row, context);
  const next = attempts.find(({ attempt }) => attempt > row.attempt);
  // Who follows a job by cursor goes on with its next attempt once this one is over and read.
  const over = since?.kind === "cursor" && args.attempt === null && isTerminal(row.state);
  if (!over || next === undefined || value.lines.length > 0 || value.truncated) return value;
  return readAttempt(args, { kind: "start" }, next, context);
};

async function readAttempt(
  args: Args,
  since: LogSince | null,
  row: AttemptRow,
  context: OperationContext,
): Promise<Value> {
  const paths = attemptFiles(context.home, row.jobId, row.attempt);
  const wanted = args.stream === "both" ? (["stdout", "stderr"] as const) : [args.stream];
  const files = new Map(wanted.map((name) => [name, openLogFile(paths[name])] as const));
  const reader = { args, since, row, context, endsAt: context.time.monotonic() + limits.logScanMs };
  try {
    const streams =
      args.around === null
        ? await readStreams(reader, files)
        : await readAround(reader, args.around, files);
    return answerOf(reader, streams);
  } finally {
    for (const file of files.values()) file.close();
  }
}

interface Reader {
  readonly args: Args;
  readonly since: LogSince | null;
  readonly row: AttemptRow;
  readonly context: OperationContext;
  readonly endsAt: number;
}

type Files = ReadonlyMap<StreamName, LogFile>;

async function readStreams(reader: Reader, files: Files): Promise<ReadStream[]> {
  const { args } = reader;
  const pattern = args.grep === null ? null : createLinePattern(args.grep);
  const options = optionsOf(reader, pattern === null ? undefined : (text) => pattern.matches(text));
  const pick = { lines: args.lines, context: pattern === null ? null : (args.context ?? 0) };
  const streams: ReadStream[] = [];
  for (const [name, file] of files) {
    const { from, ...facts } = await startOf(reader, name, file);
    const look =
      from === null
        ? await lookAtEnd(file, pick, options)
        : await lookFrom(file, from, pickOldest(pick), options);
    streams.push({ name, file, look, ...facts });
  }
  return streams;
}

/** The first match in any of the files; what looks most like it is looked for in all of them first. */
async function readAround(reader: Reader, around: string, files: Files): Promise<ReadStream[]> {
  const { args, row } = reader;
  const spec = parseSpec(row.spec);
  const tests = aroundMatches(parseLogAround(around), {
    name: spec?.training.name ?? null,
    totalSteps: spec?.args.totalSteps ?? null,
  });
  const before = args.context ?? Math.floor((args.lines - 1) / 2);
  const after = args.context ?? args.lines - 1 - before;
  let streams: ReadStream[] = [];
  for (const test of tests) {
    streams = [];
    for (const [name, file] of files) {
      const { from, ...facts } = await startOf(reader, name, file);
      const picker = pickAround({ before, after });
      const look = await lookFrom(file, from ?? logStart, picker, optionsOf(reader, test()));
      streams.push({ name, file, look, ...facts });
      if (look.lines.length > 0) return [...restAtEnd(reader, files, name), ...streams.slice(-1)];
    }
  }
  return streams;
}

/** The other streams, as if read to their end: who reads on behind a match wants what followed. */
function restAtEnd({ since }: Reader, files: Files, found: StreamName): ReadStream[] {
  if (since?.kind === "cursor") return [];
  return [...files]
    .filter(([name]) => name !== found)
    .map(([name, file]) => {
      const place = endOf(file);
      const look = { lines: [], place, whole: true, atEnd: true, bytes: 0, unfinished: null };
      return { name, file, look: { ...look, error: null }, reset: false, undated: false };
    });
}

function optionsOf({ row, context, endsAt }: Reader, matches: LineMatch | undefined): LookOptions {
  return {
    secrets: context.secrets,
    matches,
    final: isTerminal(row.state),
    budget: (): ScanBudget => ({
      bytes: limits.logScanBytes,
      endsAt,
      monotonic: () => context.time.monotonic(),
    }),
  };
}

/** Where a stream's look begins; null for its end. */
async function startOf(
  reader: Reader,
  name: StreamName,
  file: LogFile,
): Promise<{ from: CleanerPlace | null; reset: boolean; undated: boolean }> {
  const { since, row, context } = reader;
  const found = (from: CleanerPlace | null, reset = false, undated = false) => ({
    from,
    reset,
    undated,
  });
  if (since === null) return found(null);
  if (since.kind === "start") return found(logStart);
  if (since.kind === "cursor") {
    const place = since.cursor.attempt === row.attempt ? since.cursor[name] : null;
    if (place === null) return found(logStart);
    return isSame(file, place) ? found(place) : found(logStart, true);
  }
  const atMs = since.kind === "time" ? since.atMs : context.time.now() - since.ms;
  const options = optionsOf(reader, undefined);
  const from = await placeOfTime(file, atMs, row.createdAtMs, options);
  return found(from, false, from === null);
}

function unknown(jobId: string, asked: number | null, attempts: readonly AttemptRow[]): AppError {
  const [first] = attempts;
  const last = attempts.at(-1);
  if (asked === null || first === undefined || last === undefined) {
    return new AppError("JOB_NOT_FOUND", "This box has no log of that job.", {
      hint: "Call list-training-jobs for the jobs and their boxes.",
      details: { job_id: jobId },
    });
  }
  const known =
    first === last
      ? `It has attempt ${first.attempt} only`
      : `It has the attempts ${first.attempt} to ${last.attempt}`;
  return new AppError("NOT_FOUND", `This job has no attempt ${asked}.`, {
    hint: `${known}: give one of them, or leave attempt out for the newest.`,
    details: { job_id: jobId, field: "attempt", newest_attempt: last.attempt },
  });
}
