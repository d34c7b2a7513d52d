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

export interface RangeStream {
  readonly stream: ReadableStream<Uint8Array>;
  /** Resolves when no read is under way: before that the descriptor must stay open. */
  settled(): Promise<void>;
}

/** The same as the body of a request. */
export function streamRange(descriptor: number, start: number, end: number): RangeStream {
  const chunks = readRange(descriptor, start, end, 256 * 1024);
  let reading: Promise<unknown> = Promise.resolve();
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const step = chunks.next().then(({ value, done }) => {
          if (done === true) controller.close();
          else controller.enqueue(value);
        });
        reading = step.catch(() => undefined);
        return step;
      },
    },
    { highWaterMark: 1 },
  );
  return {
    stream,
    settled: async () => {
      await reading;
    },
  };
}
