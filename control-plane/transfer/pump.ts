/** Told apart from a cut of the sender: the two need opposite answers. */
export class ReaderGone extends Error {
  constructor(cause: unknown) {
    super("The reader of the stream went away.", { cause });
    this.name = "ReaderGone";
  }
}

/** A slow caller is heard of at every 64 KiB, so that it is not taken for a silent one. */
const leastBytes = 64 * 1024;
/** Large enough that JavaScript is not the cost, small enough to lose little at a cut (spikes 1). */
const chunkBytes = 256 * 1024;

/**
 * Moves bytes with a BYOB reader: a default reader yields 4 KiB chunks and is ten times slower, and `pipeTo` cannot say how
 * much it passed. Throws ReaderGone when the writer fails, the sender's own error when the body is cut.
 */
export async function pump(
  body: ReadableStream<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  maxBytes: number,
  moved: (bytes: number) => void,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  let buffer = new Uint8Array(chunkBytes);
  let total = 0;
  for (;;) {
    const { done, value } = await reader.readAtLeast(leastBytes, buffer);
    if (value !== undefined && value.byteLength > 0) {
      total += value.byteLength;
      if (total > maxBytes) throw new Error("more bytes than announced");
      try {
        await writer.write(value);
      } catch (cause) {
        throw new ReaderGone(cause);
      }
      moved(value.byteLength);
    }
    if (done || value === undefined) return;
    buffer = new Uint8Array(value.buffer);
  }
}
