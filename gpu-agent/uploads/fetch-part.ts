import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { isFull, storageFull } from "../files/disk-room.ts";
import { askEdge } from "../files/edge-request.ts";
import type { OperationContext } from "../operations/operation-context.ts";

/** Pieces as the network gives them, 64 KiB each, are written together: a call for each took a third of the time. */
const batchBytes = 1024 * 1024;

/**
 * Fetches one part from the edge into its place in the file, verified. `whole` is the hash of everything before it and goes on with it.
 * What does not arrive, or is not what was declared, is taken off the file again. Throws TRANSFER_BROKEN, CHECKSUM_MISMATCH,
 * STORAGE_FULL. Returns the part's SHA-256.
 */
export async function fetchPart(
  args: OperationArgs<"receive-part">,
  file: FileHandle,
  whole: Hash | null,
  context: OperationContext,
): Promise<string> {
  try {
    const sha256 = await receive(args, file, whole, context);
    if (args.sha256 !== null && args.sha256 !== sha256) throw partMismatch();
    return sha256;
  } catch (error) {
    await file.truncate(args.offset);
    if (error instanceof AppError) throw error;
    if (isFull(error)) throw storageFull(error);
    throw cut("The part was cut on its way.", error);
  }
}

async function receive(
  args: OperationArgs<"receive-part">,
  file: FileHandle,
  whole: Hash | null,
  { url, signal, time }: OperationContext,
): Promise<string> {
  const silence = new AbortController();
  let timer = time.after(limits.transferIdleMs, () => silence.abort());
  const heard = (): void => {
    timer.cancel();
    timer = time.after(limits.transferIdleMs, () => silence.abort());
  };
  try {
    const response = await askEdge(
      `${url}/files/agent/${encodeURIComponent(args.transferId)}/parts/${args.part}`,
      {
        method: "GET",
        headers: { authorization: `Ticket ${args.ticket}`, "accept-encoding": "identity" },
        signal: AbortSignal.any([signal, silence.signal]),
      },
    );
    if (response.status !== 200) {
      response.discard();
      throw cut(`The part could not be fetched: the edge answered ${response.status}.`);
    }
    const hash = createHash("sha256");
    const writer = createBatchWriter(file, args.offset);
    for await (const chunk of response.body) {
      heard();
      if (writer.taken() + chunk.byteLength > args.bytes) {
        throw cut("The part is longer than announced.");
      }
      hash.update(chunk);
      whole?.update(chunk);
      await writer.take(chunk);
    }
    await writer.flush();
    if (writer.taken() !== args.bytes) throw cut("The part is not as long as announced.");
    return hash.digest("hex");
  } finally {
    timer.cancel();
  }
}

function createBatchWriter(file: FileHandle, start: number) {
  let batch: Uint8Array[] = [];
  let batched = 0;
  let written = 0;
  const flush = async (): Promise<void> => {
    const { bytesWritten } = await file.writev(batch, start + written);
    if (bytesWritten < batched) {
      // A disk that is nearly full takes less than it was given; what is left says why.
      const rest = Buffer.concat(batch).subarray(bytesWritten);
      for (let done = 0; done < rest.byteLength;) {
        const place = start + written + bytesWritten + done;
        done += (await file.write(rest, done, rest.byteLength - done, place)).bytesWritten;
      }
    }
    written += batched;
    batch = [];
    batched = 0;
  };
  return {
    taken: () => written + batched,
    async take(chunk: Uint8Array): Promise<void> {
      batch.push(chunk);
      batched += chunk.byteLength;
      if (batched >= batchBytes) await flush();
    },
    flush: async (): Promise<void> => {
      if (batched > 0) await flush();
    },
  };
}

export function partMismatch(): AppError {
  return new AppError("CHECKSUM_MISMATCH", "The part is not what was announced.", {
    hint: "Send the part again.",
  });
}

function cut(message: string, cause?: unknown): AppError {
  return new AppError("TRANSFER_BROKEN", message, { hint: "Send the part again.", cause });
}
