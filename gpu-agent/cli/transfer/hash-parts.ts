import { createHash } from "node:crypto";
import { hashRange } from "../../files/hash-file.ts";
import { visitRange } from "../../files/read-range.ts";

/** Hashes of an open file, from one reading of it. */
export interface FileHashes {
  readonly sha256: string;
  /** SHA-256 of the bytes from `start` to `end`; read again only where no part begins and ends. */
  of(start: number, end: number): Promise<string>;
}

export async function hashParts(
  descriptor: number,
  bytes: number,
  partBytes: number,
): Promise<FileHashes> {
  const whole = createHash("sha256");
  const parts: string[] = [];
  let part = createHash("sha256");
  let at = 0;
  await visitRange(descriptor, 0, bytes, (chunk) => {
    whole.update(chunk);
    for (let done = 0; done < chunk.byteLength;) {
      const piece = chunk.subarray(done, done + partBytes - (at % partBytes));
      part.update(piece);
      done += piece.byteLength;
      at += piece.byteLength;
      if (at % partBytes === 0 || at === bytes) {
        parts.push(part.digest("hex"));
        part = createHash("sha256");
      }
    }
  });
  return {
    sha256: whole.digest("hex"),
    of: async (start, end) => {
      const known = start % partBytes === 0 ? parts[start / partBytes] : undefined;
      const isPart = end === Math.min(bytes, start + partBytes);
      return known !== undefined && isPart ? known : hashRange(descriptor, start, end);
    },
  };
}
