import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { newTicket, ticketMatches } from "./tickets.ts";

interface HeldPart {
  readonly ticket: string;
  readonly body: ReadableStream<Uint8Array>;
  readonly bytes: number;
  /** Ends the relay of this part; set once the box fetches it. */
  cut: () => void;
}

/** A part waits here until the box fetches it; nothing is read before, so a waiting one costs no memory. */
export interface HeldParts {
  /** Runs `deliver` with the part's ticket while the part is held. Throws QUOTA_EXCEEDED. */
  hold<Value>(part: HeldRequest, deliver: (ticket: string) => Promise<Value>): Promise<Value>;
  /** Ends the relay of this part, where one is under way: its caller has given it up. */
  cut(part: number): void;
  /** The box's GET: the caller's body becomes its answer. Throws LINK_INVALID. */
  give(part: number, request: Request): Response;
}

interface HeldRequest {
  readonly owner: string;
  readonly part: number;
  readonly bytes: number;
  readonly body: ReadableStream<Uint8Array> | null;
}

export function createHeldParts(): HeldParts {
  const held = new Map<number, HeldPart>();
  return {
    async hold({ owner, part, bytes, body: given }, deliver) {
      if (given === null && bytes > 0) {
        throw new AppError("LENGTH_REQUIRED", "The request has no body.");
      }
      // The same part once more: the caller has given the older request up, whether or not its connection noticed.
      held.get(part)?.cut();
      if (held.size >= limits.heldParts && !held.has(part)) {
        throw new AppError("QUOTA_EXCEEDED", "Two parts of this file are already on their way.", {
          hint: "Send the next part when one of them is answered.",
        });
      }
      const body = given ?? new ReadableStream<Uint8Array>({ start: (c) => c.close() });
      const mine: HeldPart = { ticket: newTicket(owner), body, bytes, cut: () => undefined };
      held.set(part, mine);
      try {
        return await deliver(mine.ticket);
      } finally {
        if (held.get(part) === mine) held.delete(part);
        // An unread body would keep the caller's connection busy; the box may have refused before reading it.
        if (!body.locked) await body.cancel().catch(() => undefined);
      }
    },
    cut: (part) => held.get(part)?.cut(),
    give(part, request) {
      const found = held.get(part);
      if (found === undefined || found.body.locked || !ticketMatches(request, found.ticket)) {
        throw new AppError("LINK_INVALID", "This part is not waiting here.");
      }
      const { readable, writable } = new FixedLengthStream(found.bytes);
      void relay(found, writable);
      return new Response(readable, {
        headers: { "content-type": "application/octet-stream", "content-encoding": "identity" },
      });
    },
  };
}

/**
 * The runtime's own pipe: half the cost of moving the bytes by hand, and the box counts and hashes them anyway. A cut of the caller
 * shows at the box as a short body; so does a silence, which the box ends; and the box's refusal ends the caller's request.
 */
async function relay(held: HeldPart, writable: WritableStream<Uint8Array>): Promise<void> {
  const controller = new AbortController();
  held.cut = () => controller.abort(new Error("The caller sent this part anew."));
  await held.body.pipeTo(writable, { signal: controller.signal }).catch(() => undefined);
}
