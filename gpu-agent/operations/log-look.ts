import { findBar } from "@trainyard/shared/logs/bars/bar.ts";
import type { CleanerPlace, LineCleanerOptions } from "@trainyard/shared/logs/lines/clean-lines.ts";
import { firstError } from "@trainyard/shared/logs/lines/first-error.ts";
import { readLineTime } from "@trainyard/shared/logs/lines/log-since.ts";
import { pickNewest } from "@trainyard/shared/logs/lines/pick-lines.ts";
import type { LinePicker, PickOptions } from "@trainyard/shared/logs/lines/pick-lines.ts";
import type { PlacedLine } from "@trainyard/shared/logs/lines/clean-lines.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { countRows, scanLog } from "./log-file.ts";
import type { LogFile, ScanBudget } from "./log-file.ts";

export type LookOptions = Pick<LineCleanerOptions, "secrets" | "matches"> & {
  /** The attempt has ended. */
  readonly final: boolean;
  readonly budget: () => ScanBudget;
};

/** What one look at one stream found. */
export interface Look {
  readonly lines: readonly PlacedLine[];
  /** Where the next look goes on when all of `lines` are given. */
  readonly place: CleanerPlace;
  /** Nothing older was left out. */
  readonly whole: boolean;
  /** Nothing newer was. */
  readonly atEnd: boolean;
  readonly bytes: number;
  readonly unfinished: string | null;
  readonly error: ErrorFound | null;
}

interface ErrorFound {
  readonly line: PlacedLine;
  /** With the line itself. */
  readonly context: readonly PlacedLine[];
}

export const logStart: CleanerPlace = { offset: 0, row: 0, inside: false };

/** The newest lines. Reads the file's end, and more of it while lines are missing. */
export async function lookAtEnd(
  file: LogFile,
  pick: PickOptions,
  options: LookOptions,
): Promise<Look> {
  for (
    let window: number = limits.logEndBytes;
    ;
    window = Math.min(window * 8, limits.logScanBytes)
  ) {
    const offset = Math.max(0, file.bytes - window);
    const row = offset === 0 ? 0 : await countRows(file, offset, options.budget());
    const from = { offset, row, inside: offset > 0 };
    const picker = pickNewest(pick);
    const look = await lookFrom(file, from, picker, options);
    const enough = picker.lines().length >= pick.lines;
    if (enough || offset === 0 || window >= limits.logScanBytes)
      return { ...look, whole: offset === 0 && !picker.overflowed() };
  }
}

/** What `picker` takes of the lines from a place on. */
export async function lookFrom(
  file: LogFile,
  from: CleanerPlace,
  picker: LinePicker,
  options: LookOptions,
): Promise<Look> {
  const errors = watchForError();
  const { secrets, matches, final } = options;
  const scanned = await scanLog(
    file,
    { from, final, secrets, matches },
    options.budget(),
    (lines) => {
      for (const [at, line] of lines.entries()) {
        if (picker.take(line)) continue;
        errors.take(lines.slice(0, at + 1));
        return false;
      }
      errors.take(lines);
      return true;
    },
  );
  const stopped = picker.stoppedAt();
  return {
    lines: picker.lines(),
    place: stopped === null ? scanned.place : placeBehind(stopped, scanned.place),
    whole: from.offset === 0,
    atEnd: scanned.atEnd && stopped === null,
    bytes: scanned.bytes,
    unfinished: stopped === null ? scanned.unfinished : null,
    error: errors.found(),
  };
}

/** Where reading goes on behind a line. */
export function placeBehind(line: PlacedLine, otherwise: CleanerPlace): CleanerPlace {
  return line.end === null ? otherwise : { offset: line.end, row: line.endRow, inside: false };
}

/**
 * The first place that is not older than a time, as far as the file tells: by the times that lines begin with, and by the
 * clock of the bar that was drawn last, whose newest redraw is as old as the file's last change. Null when neither says.
 */
export async function placeOfTime(
  file: LogFile,
  atMs: number,
  attemptStartedAtMs: number,
  options: LookOptions,
): Promise<CleanerPlace | null> {
  if (atMs <= attemptStartedAtMs || file.bytes === 0) return logStart;
  const offset = Math.max(0, file.bytes - limits.logScanBytes);
  const from = { offset, row: offset === 0 ? 0 : null, inside: offset > 0 };
  const last = await lookAtEnd(file, { lines: 1, context: null }, options);
  if (file.writtenAtMs < atMs) return last.place;
  const drawn = findBar(last.unfinished ?? last.lines.at(-1)?.text ?? "");
  const elapsed =
    drawn === null ? null : drawn.bar.elapsedSeconds - (file.writtenAtMs - atMs) / 1_000;
  const matches = (text: string): boolean => {
    const time = readLineTime(text, localTime);
    if (time !== null) return time >= atMs;
    if (elapsed === null || !text.includes("%|")) return false;
    const found = findBar(text);
    return (
      found !== null &&
      found.description === drawn?.description &&
      found.bar.total === drawn.bar.total &&
      found.bar.elapsedSeconds >= elapsed
    );
  };
  let first: PlacedLine | null = null;
  const stopAtFirst: LinePicker = {
    take(line) {
      if (line.match) first ??= line;
      return first === null;
    },
    lines: () => [],
    overflowed: () => false,
    stoppedAt: () => null,
  };
  await lookFrom(file, from, stopAtFirst, { ...options, matches });
  const found = first as PlacedLine | null;
  return found === null ? null : { offset: found.start, row: found.row, inside: false };
}

/** As the trainer's logger wrote it, on this machine. */
function localTime(parts: readonly [number, number, number, number, number, number]): number {
  const [year, month, day, hours, minutes, seconds] = parts;
  return new Date(year, month - 1, day, hours, minutes, seconds).getTime();
}

const errorBefore = 3;
const errorAfter = 5;

function watchForError() {
  let before: PlacedLine[] = [];
  let line: PlacedLine | null = null;
  let context: PlacedLine[] = [];
  return {
    take(lines: readonly PlacedLine[]): void {
      let rest = lines;
      if (line === null) {
        const at = firstError(lines);
        if (at === null) {
          before = [...before, ...lines.slice(-errorBefore)].slice(-errorBefore);
          return;
        }
        line = lines[at] ?? null;
        context = [...before, ...lines.slice(Math.max(0, at - errorBefore), at)].slice(
          -errorBefore,
        );
        rest = lines.slice(at);
      }
      const room = errorBefore + 1 + errorAfter - context.length;
      if (room > 0) context.push(...rest.slice(0, room));
    },
    found: (): ErrorFound | null => (line === null ? null : { line, context }),
  };
}
