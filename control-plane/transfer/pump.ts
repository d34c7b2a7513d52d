/** Told apart from a cut of the sender: the two need opposite answers. */
export class ReaderGone extends Error {
  constructor(cause: unknown) {
    super("The reader of the stream went away.", { cause });
    this.name = "ReaderGone";
  }
}

/** The sender's stream ended before it gave what it announced, or was given up for a newer one. */
class SenderGone extends Error {
  constructor(cause?: unknown) {
    super("The stream ended before its announced length.", { cause });
    this.name = "SenderGone";
  }
}

/** What arrived is not what its own hash says. */
export class HashMismatch extends Error {}

/** A slow caller is heard of at every 64 KiB, so that it is not taken for a silent one. */
const leastBytes = 64 * 1024;
/** Large enough that JavaScript is not the cost, small enough to lose little at a cut (spikes 1). */
const chunkBytes = 256 * 1024;

export interface PumpedPart {
  readonly body: ReadableStream<Uint8Array>;
  readonly bytes: number;
  /** The bytes are followed by their SHA-256 of this many bytes; 0: by nothing. */
  readonly hashBytes: number;
  /** Aborted when another sender takes this one's place. */
  readonly signal?: AbortSignal;
  readonly moved: (bytes: number) => void;
}

/**
 * Moves a part with a BYOB reader: a default reader yields 4 KiB chunks and is ten times slower, and `pipeTo` cannot say how
 * much it passed. Throws ReaderGone when the writer fails, SenderGone when the body is cut, HashMismatch.
 */
export async function pump(
  { body, bytes, hashBytes, signal, moved }: PumpedPart,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const giveUp = (): void => void reader.cancel("superseded").catch(() => undefined);
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    const digest = hashBytes === 0 ? null : new crypto.DigestStream("SHA-256");
    const hash = digest?.getWriter() ?? null;
    let buffer = new Uint8Array(chunkBytes);
    for (let left = bytes; left > 0;) {
      const room = Math.min(left, buffer.byteLength);
      const value = await read(reader, Math.min(leastBytes, room), buffer.subarray(0, room));
      signal?.throwIfAborted();
      await Promise.all([
        hash?.write(value),
        writer.write(value).catch((cause: unknown) => {
          throw new ReaderGone(cause);
        }),
      ]);
      left -= value.byteLength;
      moved(value.byteLength);
      // The buffer was transferred: take it back.
      buffer = new Uint8Array(value.buffer as ArrayBuffer);
    }
    if (digest === null || hash === null) return;
    await hash.close();
    const announced = await read(reader, hashBytes, new Uint8Array(hashBytes));
    if (!crypto.subtle.timingSafeEqual(await digest.digest, announced)) throw new HashMismatch();
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

async function read(
  reader: ReadableStreamBYOBReader,
  least: number,
  view: Uint8Array,
): Promise<Uint8Array> {
  let result: { done: boolean; value?: Uint8Array | undefined };
  try {
    result = await reader.readAtLeast(least, view);
  } catch (cause) {
    throw new SenderGone(cause);
  }
  const { value } = result;
  if (value === undefined || value.byteLength === 0) throw new SenderGone();
  return value;
}
