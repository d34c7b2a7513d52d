import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { createHash } from "node:crypto";
import { limits } from "@trainyard/shared/limits.ts";

/** Where reading stands: a byte of one generation of the file. A rename or a truncation begins the next generation. */
export interface TailPosition {
  readonly generation: number;
  readonly offset: number;
  readonly ino: number | null;
  /** Of the first bytes, as many as were there: a file that was truncated and grew again is told by them. */
  readonly head: { readonly bytes: number; readonly sha256: string } | null;
}

export const tailStart: TailPosition = { generation: 0, offset: 0, ino: null, head: null };

export interface LogTail {
  /** The next bytes and whether the end was reached. `truncated`: what stood before may not have been read whole. */
  read(): { readonly bytes: Uint8Array; readonly atEnd: boolean; readonly truncated: boolean };
  position(): TailPosition;
  close(): void;
}

const headBytes = 256;

/** Follows a growing file by path; never locks it, never waits. */
export function openLogTail(path: string, start: TailPosition): LogTail {
  const chunk = Buffer.allocUnsafe(limits.readChunkBytes);
  let descriptor: number | null = null;
  let position = start;
  let checked = false;

  const open = (): boolean => {
    if (descriptor !== null) return true;
    try {
      descriptor = openSync(path, "r");
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return false;
      throw error;
    }
    return true;
  };
  const close = (): void => {
    if (descriptor !== null) closeSync(descriptor);
    descriptor = null;
    checked = false;
  };
  const nextGeneration = (): void => {
    position = { ...tailStart, generation: position.generation + 1 };
  };

  /** Was the file under our offset replaced? Answers with true when bytes may have been lost. */
  const checkGeneration = (stat: Stats, file: number): boolean => {
    if (position.ino === null) {
      position = { ...position, ino: stat.ino };
    } else if (position.ino !== stat.ino) {
      // Another file stands here since the last agent looked; what the old one held behind our offset is out of reach.
      nextGeneration();
      position = { ...position, ino: stat.ino };
      return true;
    }
    const changed =
      stat.size < position.offset ||
      (position.head !== null &&
        position.head.bytes > 0 &&
        readHead(file, position.head.bytes) !== position.head.sha256);
    if (!changed) return false;
    nextGeneration();
    position = { ...position, ino: stat.ino };
    return true;
  };

  return {
    read() {
      const nothing = { bytes: chunk.subarray(0, 0), atEnd: true, truncated: false };
      if (!open() || descriptor === null) return nothing;
      const file: number = descriptor;
      const stat = fstatSync(file);
      // Nothing to compare while the size stands still; the head tells a file that was truncated and grew again.
      const truncated =
        !checked || stat.size !== position.offset ? checkGeneration(stat, file) : false;
      checked = true;
      const length = Math.max(0, Math.min(chunk.byteLength, stat.size - position.offset));
      const count = length === 0 ? 0 : readSync(file, chunk, 0, length, position.offset);
      const offset = position.offset + count;
      if (count > 0 && (position.head === null || position.head.bytes < headBytes)) {
        const bytes = Math.min(headBytes, offset);
        position = { ...position, head: { bytes, sha256: readHead(file, bytes) } };
      }
      position = { ...position, offset };
      let atEnd = offset >= stat.size;
      if (atEnd && isRenamed(path, stat)) {
        // Drained to its end and another file has the name now: go on there.
        close();
        nextGeneration();
        atEnd = false;
      }
      return { bytes: Uint8Array.prototype.slice.call(chunk, 0, count), atEnd, truncated };
    },
    position: () => position,
    close,
  };
}

function readHead(file: number, bytes: number): string {
  const buffer = Buffer.alloc(bytes);
  const count = readSync(file, buffer, 0, bytes, 0);
  return createHash("sha256").update(buffer.subarray(0, count)).digest("hex").slice(0, 16);
}

function isRenamed(path: string, opened: Stats): boolean {
  try {
    const there = statSync(path);
    return there.ino !== opened.ino || there.dev !== opened.dev;
  } catch {
    // Renamed away and not made again yet: the old descriptor stays.
    return false;
  }
}
