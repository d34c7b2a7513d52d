import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { setImmediate as breathe } from "node:timers/promises";
import { createLineCleaner } from "@trainyard/shared/logs/lines/clean-lines.ts";
import type {
  CleanerPlace,
  LineCleanerOptions,
  PlacedLine,
} from "@trainyard/shared/logs/lines/clean-lines.ts";
import { bytesPrint, printedBytes } from "@trainyard/shared/logs/lines/log-cursor.ts";
import type { StreamPlace } from "@trainyard/shared/logs/lines/log-cursor.ts";

/** One stream's file as it stood when it was opened: what is written meanwhile is the next look's. */
export interface LogFile {
  readonly bytes: number;
  readonly writtenAtMs: number;
  readonly descriptor: number | null;
  close(): void;
}

/** What is not there yet is empty. */
export function openLogFile(path: string): LogFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
    return { bytes: 0, writtenAtMs: 0, descriptor: null, close: () => undefined };
  }
  const stat = fstatSync(descriptor);
  const close = (): void => closeSync(descriptor);
  return { bytes: stat.size, writtenAtMs: stat.mtimeMs, descriptor, close };
}

/** How much of one file a look may still read, and until when. */
export interface ScanBudget {
  bytes: number;
  readonly endsAt: number;
  monotonic(): number;
}

export interface Scan extends LineCleanerOptions {
  readonly from: CleanerPlace;
  /** The attempt has ended: an unfinished end is a line. */
  readonly final: boolean;
}

export interface Scanned {
  /** Behind everything that was handed over, when nobody stopped it. */
  readonly place: CleanerPlace;
  readonly atEnd: boolean;
  readonly bytes: number;
  readonly unfinished: string | null;
}

/** Lets the agent do its other work between two of these; 256 KiB take some milliseconds. */
const chunkBytes = 256 * 1024;

/** Hands over the lines from a place on, in order, until `take` says false, the file or the budget ends. */
export async function scanLog(
  file: LogFile,
  scan: Scan,
  budget: ScanBudget,
  take: (lines: readonly PlacedLine[]) => boolean,
): Promise<Scanned> {
  const { from, final, ...options } = scan;
  const cleaner = createLineCleaner({
    ...options,
    offset: from.offset,
    row: from.row,
    startsInside: from.inside,
  });
  let at = from.offset;
  let stopped = false;
  for await (const bytes of chunksOf(file, at, file.bytes, budget)) {
    at += bytes.byteLength;
    stopped = !take(cleaner.push(bytes));
    if (stopped) break;
  }
  const atEnd = !stopped && at >= file.bytes;
  const unfinished = atEnd && !final ? cleaner.unfinished() : null;
  if (!stopped) take(atEnd && final ? cleaner.end() : cleaner.flush());
  return { place: cleaner.place(), atEnd, bytes: at - from.offset, unfinished };
}

/** Lines that begin before `to`; null when the budget is too small to count them. */
export async function countRows(
  file: LogFile,
  to: number,
  budget: ScanBudget,
): Promise<number | null> {
  if (to > budget.bytes) return null;
  let rows = 0;
  let read = 0;
  for await (const bytes of chunksOf(file, 0, to, { ...budget })) {
    for (const byte of bytes) if (byte === newline) rows += 1;
    read += bytes.byteLength;
  }
  return read < to ? null : rows;
}

async function* chunksOf(
  file: LogFile,
  from: number,
  to: number,
  budget: ScanBudget,
): AsyncGenerator<Uint8Array> {
  if (file.descriptor === null || from >= to) return;
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, to - from));
  for (let at = from; at < to && budget.bytes > 0 && budget.monotonic() < budget.endsAt;) {
    const wanted = Math.min(buffer.byteLength, to - at, budget.bytes);
    const count = readSync(file.descriptor, buffer, 0, wanted, at);
    if (count === 0) return;
    at += count;
    budget.bytes -= count;
    yield buffer.subarray(0, count);
    await breathe();
  }
}

/** The place with what tells its file from another; of a place inside an overlong run too. */
export function printed(file: LogFile, place: CleanerPlace): StreamPlace {
  return { ...place, print: printAt(file, place.offset) };
}

/** Whether the file still is the one that a cursor was made of: not truncated, not another one. */
export function isSame(file: LogFile, place: StreamPlace): boolean {
  return file.bytes >= place.offset && printAt(file, place.offset) === place.print;
}

/** The end of what is there; a line that is not finished counts as read. */
export function endOf(file: LogFile): CleanerPlace {
  const last = Buffer.alloc(1);
  if (file.descriptor !== null && file.bytes > 0) {
    readSync(file.descriptor, last, 0, 1, file.bytes - 1);
  }
  const begins = file.bytes === 0 || last[0] === newline || last[0] === carriageReturn;
  return { offset: file.bytes, row: null, inside: !begins };
}

function printAt(file: LogFile, offset: number): string {
  const buffer = Buffer.alloc(Math.min(printedBytes, offset));
  if (file.descriptor === null) return bytesPrint(buffer);
  const count = readSync(file.descriptor, buffer, 0, buffer.byteLength, offset - buffer.byteLength);
  return bytesPrint(buffer.subarray(0, count));
}

const newline = 10;
const carriageReturn = 13;
