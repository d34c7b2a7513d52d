import { read } from "node:fs";
import { promisify } from "node:util";

const readAt = promisify(read);

/**
 * Bytes of an open descriptor, for those who keep it: `createReadStream({fd})` closes the descriptor when it is destroyed,
 * whatever `autoClose` says, and the number may by then be another file's.
 */
export async function* readRange(
  descriptor: number,
  start: number,
  end: number,
  chunkBytes = 1 << 20,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end;) {
    // A new buffer each time: the reader may still hold the last one.
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, end - at));
    const { bytesRead } = await readAt(descriptor, buffer, 0, buffer.byteLength, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
