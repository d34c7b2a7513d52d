import { read } from "node:fs";
import { promisify } from "node:util";

const readAt = promisify(read);

const bufferBytes = 1024 * 1024;

/**
 * Bytes of an open descriptor, for those who keep it: `createReadStream({fd})` closes the descriptor when it is destroyed, whatever
 * `autoClose` says, and the number may by then be another file's. All go through one buffer, so `visit` must be done with a chunk
 * when it ends: a new buffer for each read kept 60 MiB of garbage in the agent while it hashed a model.
 */
export async function visitRange(
  descriptor: number,
  start: number,
  end: number,
  visit: (chunk: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(bufferBytes, Math.max(1, end - start)));
  for (let at = start; at < end;) {
    const wanted = Math.min(buffer.byteLength, end - at);
    const { bytesRead } = await readAt(descriptor, buffer, 0, wanted, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    await visit(buffer.subarray(0, bytesRead));
  }
}
