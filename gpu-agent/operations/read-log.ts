import { statSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { cleanLines } from "@trainyard/shared/logs/clean-lines.ts";
import type { CleanLine } from "@trainyard/shared/logs/clean-lines.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { attemptFiles } from "../home.ts";
import { lastBytes } from "../jobs/log-end.ts";
import type { OperationHandler } from "./operation-context.ts";

type Line = OperationValue<"read-log">["lines"][number];

/** The end of a log that is looked at: a bar is redrawn some hundred times for each line that remains. */
const tailBytesPerLine = 4 * 1024;
const tailBytesMin = 512 * 1024;
/** With a text to look for as much as this is searched, from the end. */
const searchBytes = 32 * 1024 * 1024;
/** Leaves room in the answer for its frame. */
const answerBytes = limits.callResultBytes - 32 * 1024;

const errorText = /^(?:Error running job: |[A-Za-z_.]*(?:Error|Exception): |.*CUDA out of memory)/;

export const readLog: OperationHandler<"read-log"> = (args, { home, spool, secrets }) => {
  const attempt = args.attempt ?? spool.attemptsOf(args.jobId).at(-1)?.attempt ?? null;
  if (attempt === null) throw unknownJob(args.jobId);
  const files = attemptFiles(home, args.jobId, attempt);
  if (spool.attempt({ jobId: args.jobId, attempt }) === null) throw unknownJob(args.jobId);

  const searching = args.grep !== null || args.around !== null;
  const bytes = searching
    ? searchBytes
    : Math.min(searchBytes, Math.max(tailBytesMin, args.lines * tailBytesPerLine));
  const streams = args.stream === "both" ? (["stdout", "stderr"] as const) : [args.stream];
  let readBytes = 0;
  let whole = true;
  let firstError: string | null = null;
  const all: Omit<Line, "n">[] = [];
  for (const stream of streams) {
    const content = lastBytes(files[stream], bytes);
    readBytes += content.byteLength;
    whole &&= content.byteLength >= (statSync(files[stream], { throwIfNoEntry: false })?.size ?? 0);
    const lines = cleanLines(content, {
      secrets,
      ...(args.grep === null ? {} : { grep: args.grep }),
    });
    firstError ??= lines.find((line) => errorText.test(line.text))?.text ?? null;
    all.push(...lines.map((line) => toLine(stream, line)));
  }

  const chosen =
    args.around === null ? all.slice(-args.lines) : around(all, args.around, args.lines);
  const fitting = withinBytes(chosen, answerBytes);
  return {
    lines: fitting.map((line, index) => ({ n: index + 1, ...line })),
    totalLines: whole && args.grep === null ? all.length : null,
    truncated: fitting.length < all.length || !whole,
    readBytes,
    firstError,
  };
};

function toLine(stream: "stdout" | "stderr", { text, repeats }: CleanLine): Omit<Line, "n"> {
  return { stream, text, repeat: repeats };
}

function around<Entry extends { readonly text: string }>(
  lines: readonly Entry[],
  text: string,
  count: number,
): Entry[] {
  const wanted = text.toLowerCase();
  const at = lines.findIndex((line) => line.text.toLowerCase().includes(wanted));
  if (at < 0) return [];
  const start = Math.max(0, at - Math.floor(count / 2));
  return lines.slice(start, start + count);
}

/** The newest lines that fit. */
function withinBytes<Entry extends { readonly text: string }>(
  lines: readonly Entry[],
  bytes: number,
): readonly Entry[] {
  let used = 0;
  for (let i = lines.length - 1; i >= 0; i -= 1) {
    used += Buffer.byteLength(JSON.stringify(lines[i])) + 16;
    if (used > bytes) return lines.slice(i + 1);
  }
  return lines;
}

function unknownJob(jobId: string): AppError {
  return new AppError("JOB_NOT_FOUND", "This box has no log of that job.", {
    hint: "Call list-training-jobs for the jobs and their boxes.",
    details: { job_id: jobId },
  });
}
