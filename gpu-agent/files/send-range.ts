import type { Hash } from "node:crypto";
import { fstatSync, read } from "node:fs";
import { promisify } from "node:util";

const readAt = promisify(read);
const bufferBytes = 512 * 1024;

/** The file is not as it was when its sending began: what would come is no longer what was offered. */
export class FileChanged extends Error {}

type SendRange = (
  range: { readonly start: number; readonly end: number; readonly hash: Hash | null },
  write: (chunk: Uint8Array) => Promise<void>,
) => Promise<void>;

/**
 * Sends ranges of one open file, and hashes them where it is asked. Two buffers serve a whole file: one is filled while the other
 * is on its way (a new one for each chunk kept 60 MiB of garbage in the agent, and cost twice the time).
 */
export function createRangeSender(
  descriptor: number,
  options: { readonly mayGrow: boolean },
): SendRange {
  const buffers = [Buffer.allocUnsafeSlow(bufferBytes), Buffer.allocUnsafeSlow(bufferBytes)];
  const first = fstatSync(descriptor);
  return async ({ start, end, hash }, write) => {
    let writing: Promise<void> = Promise.resolve();
    let turn = 0;
    for (let at = start; at < end;) {
      const buffer = buffers[(turn += 1) % 2] as Buffer;
      const wanted = Math.min(buffer.byteLength, end - at);
      const { bytesRead } = await readAt(descriptor, buffer, 0, wanted, at);
      if (bytesRead === 0) throw new FileChanged("the file became shorter");
      at += bytesRead;
      const chunk = buffer.subarray(0, bytesRead);
      hash?.update(chunk);
      await writing;
      writing = write(chunk);
      // Awaited below; a failure in between must not count as unhandled.
      writing.catch(() => undefined);
    }
    await writing;
    const now = fstatSync(descriptor);
    if (!options.mayGrow && (now.mtimeMs !== first.mtimeMs || now.size !== first.size)) {
      throw new FileChanged("the file was written to");
    }
  };
}
