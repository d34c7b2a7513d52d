import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { limits } from "@trainyard/shared/limits.ts";
import { createLineCleaner } from "@trainyard/shared/logs/lines/clean-lines.ts";
import { cut, shownLine } from "@trainyard/shared/logs/lines/shown-line.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import type { AttemptFiles } from "../home.ts";

const linesOfEach = { stdout: 40, stderr: 20 } as const;
const carriage = 13;
const newline = 10;

/** The log's end for the head of a frame: what was printed, then the bar. Read from the files, so nothing is kept. */
export function logEnd(files: AttemptFiles, secrets: readonly KnownSecret[]): string[] {
  return (["stdout", "stderr"] as const).flatMap((stream) => {
    const cleaner = createLineCleaner({ secrets });
    const bytes = lastBytes(files[stream], limits.logTailBytes);
    const lines = [...cleaner.push(bytes), ...cleaner.flush()];
    const unfinished = cleaner.unfinished();
    const shown = lines.map(({ text, repeats }) =>
      // A bar's redraws in these few bytes count for nothing, and would make each head's tail a new one.
      shownLine({ n: null, stream, text, repeat: stream === "stdout" ? repeats : 1 }),
    );
    if (unfinished !== null)
      shown.push(shownLine({ n: null, stream, text: unfinished, repeat: 1 }));
    return shown.slice(-linesOfEach[stream]).map((text) => cut(text, limits.logLineCharacters));
  });
}

/** Begins behind a separator: half a line could hold half a secret, which no pattern recognises. */
function lastBytes(path: string, bytes: number): Uint8Array {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return new Uint8Array(0);
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, size - bytes);
    const buffer = Buffer.alloc(size - start);
    const read = buffer.subarray(0, readSync(file, buffer, 0, buffer.byteLength, start));
    if (start === 0) return read;
    const cut = read.findIndex((byte) => byte === carriage || byte === newline);
    return cut < 0 ? new Uint8Array(0) : read.subarray(cut + 1);
  } finally {
    closeSync(file);
  }
}
