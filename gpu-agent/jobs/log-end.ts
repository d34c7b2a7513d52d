import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { limits } from "@trainyard/shared/limits.ts";
import { cleanLines } from "@trainyard/shared/logs/clean-lines.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import type { AttemptFiles } from "../home.ts";

const linesOfEach = { stdout: 40, stderr: 20 } as const;
const carriage = 13;
const newline = 10;

/** The log's end for the head of a frame: what was printed, then the bar. Read from the files, so nothing is kept. */
export function logEnd(files: AttemptFiles, secrets: readonly KnownSecret[]): string[] {
  return (["stdout", "stderr"] as const).flatMap((stream) =>
    cleanLines(lastBytes(files[stream], limits.logTailBytes), {
      limit: linesOfEach[stream],
      secrets,
    }).map(({ text, repeats }) =>
      (repeats > 1 && stream === "stdout" ? `${text} (${repeats} times)` : text).slice(0, 2_000),
    ),
  );
}

/** Begins behind a separator: half a line could hold half a secret, which no pattern recognises. */
export function lastBytes(path: string, bytes: number): Uint8Array {
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
