import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { partHashBytes } from "@trainyard/shared/protocol/operations/files.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { openSource } from "../files/file-source.ts";
import { askEdge } from "../files/edge-request.ts";
import { createRangeSender, FileChanged } from "../files/send-range.ts";
import type { OperationContext, OperationHandler } from "./operation-context.ts";

/** A part that fails this often in a row is given up; the edge asks again as long as somebody waits. */
const attemptsMax = 6;
const retryMs = 300;

const expectedSchema = z.object({ expected: z.int().min(0) });

/** Asked again for the same transfer: the edge lost sight of the older sending, which ends. */
const sending = new Map<string, AbortController>();

/** One part in flight: a second gained 1 to 2 % (spikes 1). The open descriptor keeps a file that the trainer prunes. */
export const sendFile: OperationHandler<"send-file"> = async (args, context) => {
  sending.get(args.transferId)?.abort();
  const mine = new AbortController();
  sending.set(args.transferId, mine);
  try {
    await sendParts(args, { ...context, signal: AbortSignal.any([context.signal, mine.signal]) });
    return { sentBytes: args.end - args.start };
  } catch (error) {
    if (mine.signal.aborted) throw broken("A newer request took this transfer over.");
    throw error;
  } finally {
    if (sending.get(args.transferId) === mine) sending.delete(args.transferId);
  }
};

async function sendParts(
  args: OperationArgs<"send-file">,
  context: OperationContext,
): Promise<void> {
  const file = openSource(context.home, args.source, context.supervisor.findOutput);
  try {
    if (args.end > file.stat.size || args.start > args.end) {
      throw new AppError("RANGE_INVALID", "The file is shorter than that.", {
        hint: "Ask for its size again; it may have been replaced.",
        details: { bytes: file.stat.size },
      });
    }
    const send = createRangeSender(file.descriptor, { mayGrow: args.source.kind === "log" });
    let offset = args.start;
    let failures = 0;
    while (offset < args.end) {
      const end = Math.min(args.end, offset + args.partBytes);
      const index = Math.floor((offset - args.start) / args.partBytes);
      const next = await sendPart({ ...args, index, offset, end, send }, context);
      if (next !== null && (next < args.start || next > args.end))
        throw broken("The edge expects an impossible byte.");
      failures = next === null || next <= offset ? failures + 1 : 0;
      if (failures >= attemptsMax) throw broken("The part did not get through.");
      if (failures > 0)
        await wait(retryMs * 2 ** (failures - 1), undefined, { signal: context.signal });
      offset = next ?? offset;
    }
  } finally {
    file.close();
  }
}

interface Part {
  readonly transferId: string;
  readonly ticket: string;
  readonly index: number;
  readonly offset: number;
  readonly end: number;
  readonly send: ReturnType<typeof createRangeSender>;
}

/** Where to go on: behind the part, or where the edge says. Null when nobody answered. */
async function sendPart(part: Part, { url, signal }: OperationContext): Promise<number | null> {
  const bytes = part.end - part.offset;
  let changed: FileChanged | null = null;
  try {
    const answer = await askEdge(
      `${url}/files/agent/${encodeURIComponent(part.transferId)}/parts/${part.index}`,
      {
        method: "POST",
        headers: {
          authorization: `Ticket ${part.ticket}`,
          "content-type": "application/octet-stream",
          "content-length": String(bytes + partHashBytes),
          "x-part-offset": String(part.offset),
          "x-part-bytes": String(bytes),
        },
        body: async (write) => {
          try {
            const hash = createHash("sha256");
            await part.send({ start: part.offset, end: part.end, hash }, write);
            await write(hash.digest());
          } catch (error) {
            if (error instanceof FileChanged) changed = error;
            throw error;
          }
        },
        signal,
      },
    );
    const said = await answer.json();
    if (answer.status === 200) return part.end;
    if (answer.status === 409) return expectedSchema.safeParse(said).data?.expected ?? null;
    if (answer.status >= 500) return null;
    throw broken(`The edge refused the part with ${answer.status}.`);
  } catch (error) {
    if (changed !== null) throw broken("The file changed while it was sent.");
    if (signal.aborted || error instanceof AppError) throw error;
    return null;
  }
}

function broken(message: string): AppError {
  return new AppError("TRANSFER_BROKEN", message, { hint: "Ask for the link again." });
}
