import { limits } from "@trainyard/shared/limits.ts";
import type { PlacedLine } from "@trainyard/shared/logs/lines/clean-lines.ts";
import { writeLogCursor } from "@trainyard/shared/logs/lines/log-cursor.ts";
import type { StreamPlace } from "@trainyard/shared/logs/lines/log-cursor.ts";
import type { LogSince } from "@trainyard/shared/logs/lines/log-since.ts";
import { resumable } from "@trainyard/shared/logs/lines/pick-lines.ts";
import { cut, fitAround, fitLines, roomBeside } from "@trainyard/shared/logs/lines/shown-line.ts";
import type { StreamLine } from "@trainyard/shared/logs/lines/shown-line.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { printed } from "./log-file.ts";
import type { LogFile } from "./log-file.ts";
import { placeBehind } from "./log-look.ts";
import type { Look } from "./log-look.ts";

export type StreamName = StreamLine["stream"];

/** Leaves room in the answer for its frame and for what stands beside the lines. */
const answerBytes = limits.callResultBytes - 64 * 1024;
/** Of a line beside the first error: what a warning says at its beginning is enough. */
const contextCharacters = 300;

/** One stream of an attempt and what was found in it. */
export interface ReadStream {
  readonly name: StreamName;
  readonly file: LogFile;
  readonly look: Look;
  /** Not where the cursor stood: the file was truncated or replaced. */
  readonly reset: boolean;
  /** A time was asked for, and nothing in the file tells its lines' times. */
  readonly undated: boolean;
}

export interface Request {
  readonly args: OperationArgs<"read-log">;
  readonly since: LogSince | null;
  readonly row: { readonly attempt: number };
}

/** Cuts what was found to what was asked for and fits, and says where the next look goes on. */
export function answerOf(
  { args, since, row }: Request,
  streams: readonly ReadStream[],
): OperationValue<"read-log"> {
  const lists = streams.map(({ name, look }) => look.lines.map((line) => toLine(name, line)));
  const errors = streams.flatMap(({ name, look }) =>
    look.error === null ? [] : [{ name, error: look.error }],
  );
  const [error] = errors;
  const unfinished = streams.flatMap(({ name, look }) =>
    look.unfinished === null ? [] : [{ stream: name, text: look.unfinished }],
  );
  const errorContext = (error?.error.context ?? []).map((line) => ({
    ...toLine(error?.name ?? "stderr", { ...line, match: line === error?.error.line }),
    text: cut(line.text, contextCharacters),
  }));
  const beside = [
    error?.error.line.text ?? "",
    ...unfinished.map(({ text }) => text),
    ...(args.room?.withObjects === true ? errorContext.map((line) => JSON.stringify(line)) : []),
  ];
  const bounds = {
    lines: args.around === null ? args.lines : limits.logLinesMax,
    room: roomBeside(args.room ?? null, beside),
    bytes: answerBytes,
  };
  const walking = since !== null && args.around === null;
  const counts = args.around === null ? fitLines(lists, bounds, walking ? "oldest" : "newest") : [];
  const given = streams.map((stream, at) => {
    const { look, name } = stream;
    const lines = lists[at] ?? [];
    if (args.around !== null) return { lines: fitAround(lines, bounds), place: look.place };
    const count = counts[at] ?? 0;
    if (!walking || stream.undated)
      return { lines: lines.slice(lines.length - count), place: look.place };
    if (count === look.lines.length) return { lines, place: look.place };
    // A stream that got no place at all is where it was; else the walk goes on behind what is given.
    const kept = count === 0 ? [] : resumable(look.lines, count);
    const last = kept.at(-1);
    const first = look.lines[0];
    const place =
      last !== undefined
        ? placeBehind(last, look.place)
        : { offset: first?.start ?? 0, row: first?.row ?? null, inside: false };
    return { lines: kept.map((line) => toLine(name, line)), place };
  });
  const cursorOf = (name: StreamName): StreamPlace | null => {
    const at = streams.findIndex((stream) => stream.name === name);
    const stream = streams[at];
    if (stream !== undefined) return printed(stream.file, given[at]?.place ?? stream.look.place);
    return since?.kind === "cursor" && since.cursor.attempt === row.attempt
      ? since.cursor[name]
      : null;
  };
  const rows = streams.map(({ look }) => (look.atEnd ? rowsOf(look) : null));
  const cutShort = streams.some(
    ({ look, undated }, at) =>
      (given[at]?.lines.length ?? 0) < look.lines.length ||
      !look.atEnd ||
      ((!walking || undated) && !look.whole),
  );
  const foundAround = streams.some(({ look }) => look.lines.length > 0);
  return {
    attempt: row.attempt,
    lines: given.flatMap(({ lines }) => lines),
    totalLines: rows.reduce<number | null>(
      (sum, n) => (sum === null || n === null ? null : sum + n),
      0,
    ),
    truncated:
      args.around === null ? cutShort : foundAround || streams.some(({ look }) => !look.atEnd),
    readBytes: streams.reduce((sum, { look }) => sum + look.bytes, 0),
    firstError: error?.error.line.text ?? null,
    errorContext,
    cursor: writeLogCursor({
      attempt: row.attempt,
      stdout: cursorOf("stdout"),
      stderr: cursorOf("stderr"),
    }),
    unfinished,
    reset: streams.some(({ reset }) => reset),
    undated: streams.filter(({ undated }) => undated).map(({ name }) => name),
  };
}

function rowsOf({ place, unfinished }: Look): number | null {
  return place.row === null ? null : place.row + (unfinished === null ? 0 : 1);
}

function toLine(stream: StreamName, line: PlacedLine): StreamLine {
  const { text, repeats, row, match } = line;
  return {
    n: row === null ? null : row + 1,
    stream,
    text,
    repeat: repeats,
    ...(match ? { match } : {}),
  };
}
