import { createReadStream, fstatSync, openSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";

/** Bytes of a file, a pipe or, for `-`, standard input, a piece at a time. Errors: NOT_FOUND, INVALID_ARGUMENT. */
export async function* readBytes(path: string): AsyncGenerator<Uint8Array, void> {
  const stream = path === "-" ? process.stdin : createReadStream("", { fd: openFile(path) });
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw notReadable(path, error);
  }
}

/**
 * The same text as UTF-8. A log that Windows PowerShell wrote with `>` is UTF-16 and says so in its first two bytes;
 * UTF-8's own mark is taken off, so that the first line begins with its first character.
 */
export async function* asUtf8(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  let decoder: InstanceType<typeof TextDecoder> | null = null;
  let head: Buffer | null = Buffer.alloc(0);
  for await (const piece of pieces) {
    let bytes: Uint8Array = piece;
    if (head !== null) {
      head = Buffer.concat([head, piece]);
      if (head.length < longestMark) continue;
      const mark = markOf(head);
      decoder = mark.utf16 === null ? null : new TextDecoder(mark.utf16);
      bytes = head.subarray(mark.length);
      head = null;
    }
    yield decoder === null ? bytes : encoder.encode(decoder.decode(bytes, { stream: true }));
  }
  // Shorter than a mark: there is none.
  if (head !== null) yield head;
  if (decoder !== null) yield encoder.encode(decoder.decode());
}

const longestMark = 3;

function markOf(head: Buffer): { length: number; utf16: "utf-16le" | "utf-16be" | null } {
  if (head[0] === 0xff && head[1] === 0xfe) return { length: 2, utf16: "utf-16le" };
  if (head[0] === 0xfe && head[1] === 0xff) return { length: 2, utf16: "utf-16be" };
  const isUtf8 = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
  return { length: isUtf8 ? 3 : 0, utf16: null };
}

function openFile(path: string): number {
  try {
    const file = openSync(path, "r");
    if (fstatSync(file).isDirectory()) {
      throw new AppError("INVALID_ARGUMENT", `This is a folder, not a log: ${path}`, {
        hint: "Name the file in it, for example log.txt.",
      });
    }
    return file;
  } catch (error) {
    throw notReadable(path, error);
  }
}

function notReadable(path: string, error: unknown): unknown {
  if (error instanceof AppError) return error;
  const { code } = error as { code?: unknown };
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new AppError("NOT_FOUND", `There is no such file: ${path}`, {
      hint: "Check the path, or give - to read standard input.",
    });
  }
  if (typeof code !== "string") return error;
  const reason =
    code === "EACCES" || code === "EPERM" ? "You may not read it" : "It cannot be read";
  return new AppError("INVALID_ARGUMENT", `${reason}: ${path} (${code})`, {
    hint: "Run the command as a user that may read the file, or copy it to a folder of your own.",
  });
}
