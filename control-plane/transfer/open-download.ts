import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { partHashBytes } from "@trainyard/shared/protocol/operations/files.ts";
import { HashMismatch, pump, ReaderGone } from "./pump.ts";
import type { DownloadSpec } from "./spec.ts";
import { newTicket, ticketMatches } from "./tickets.ts";

/** What a download needs of the world around it. */
export interface DownloadWorld {
  /** Asks the box to post the file from this byte on; resolves when it has, or could not. */
  ask(ticket: string, start: number): Promise<AskOutcome>;
  /** The link may have been taken back since: asked with every part. */
  isRevoked(): Promise<boolean>;
  /** The last byte is about to go out: after this a link for one time is used up. */
  finished(): Promise<void>;
  /** Nothing more comes of this download. */
  ended(download: OpenDownload): void;
}

export type AskOutcome =
  | { readonly kind: "sent" }
  /** The box or its connection is away for a moment; it is asked again. */
  | { readonly kind: "away" }
  | { readonly kind: "refused"; readonly reason: string };

const askAgainMs = 500;

/**
 * A caller's open GET and the parts that the box posts for it. The box may fall silent, restart or lose its connection: it is asked
 * again from the byte that is due, and the caller's request goes on, until nothing moved for `transferIdleMs`.
 */
export class OpenDownload {
  readonly response: Response;
  readonly #spec: DownloadSpec;
  readonly #world: DownloadWorld;
  readonly #ticket: string;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** The byte that is due. */
  #offset: number;
  #isOpen = true;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** The part that is being read now. */
  #current: { readonly controller: AbortController; readonly done: Promise<unknown> } | null = null;

  constructor(spec: DownloadSpec, world: DownloadWorld) {
    const { readable, writable } = new FixedLengthStream(spec.end - spec.start);
    this.response = new Response(readable, {
      headers: { "content-type": "application/octet-stream" },
    });
    this.#spec = spec;
    this.#world = world;
    this.#ticket = newTicket(spec.owner);
    this.#writer = writable.getWriter();
    this.#offset = spec.start;
    if (spec.end === spec.start) void this.#finish();
    else {
      this.#expectProgress();
      void this.#askUntilSent();
    }
  }

  /** One part that the box posts; whatever its end, the answer says which byte is expected next. */
  async take(request: Request): Promise<Response> {
    if (!this.#isOpen || !ticketMatches(request, this.#ticket)) {
      throw new AppError("LINK_EXPIRED", "Nobody waits for this file any more.");
    }
    if (await this.#world.isRevoked()) {
      await this.cut("The link was taken back.");
      throw new AppError("LINK_REVOKED", "The link was taken back.");
    }
    // The box sends one part at a time, so an older one that is still being read hangs on a dead connection.
    while (this.#current !== null) {
      this.#current.controller.abort();
      await this.#current.done;
    }
    const at = Number(request.headers.get("x-part-offset"));
    if (at !== this.#offset || request.body === null) return this.#expected("Another byte is due.");
    return this.#move(request, request.body);
  }

  /** A short body is the only honest end of a download whose header promised a length. */
  async cut(reason: string): Promise<void> {
    if (!this.#close()) return;
    this.#current?.controller.abort();
    await this.#writer.abort(new Error(reason)).catch(() => undefined);
  }

  async #move(request: Request, body: ReadableStream<Uint8Array>): Promise<Response> {
    const { bytes, hashBytes } = lengths(request);
    if (bytes === null || bytes > this.#spec.end - this.#offset) {
      throw new AppError("RANGE_INVALID", "This part does not fit where it is expected.");
    }
    const controller = new AbortController();
    const moved = (count: number): void => {
      this.#offset += count;
      this.#expectProgress();
    };
    const part = { body, bytes, hashBytes, signal: controller.signal, moved };
    const work = pump(part, this.#writer);
    const mine = { controller, done: work.catch(() => undefined) };
    this.#current = mine;
    try {
      await work;
    } catch (error) {
      return await this.#failed(error);
    } finally {
      if (this.#current === mine) this.#current = null;
    }
    if (this.#offset === this.#spec.end) await this.#finish();
    return Response.json({ ok: true, expected: this.#offset });
  }

  async #failed(error: unknown): Promise<Response> {
    if (error instanceof ReaderGone) {
      await this.cut("The caller went away.");
      throw new AppError("LINK_EXPIRED", "The caller went away.");
    }
    if (error instanceof HashMismatch) {
      // The bytes are with the caller already: only a body that is too short tells it.
      await this.cut("A part was changed on its way.");
      throw new AppError("CHECKSUM_MISMATCH", "The part is not what its hash says.");
    }
    return this.#expected("The part was cut.");
  }

  async #askUntilSent(): Promise<void> {
    while (this.#isOpen) {
      const outcome = await this.#world.ask(this.#ticket, this.#offset);
      if (outcome.kind === "sent" || !this.#isOpen) return;
      if (outcome.kind === "refused") return this.cut(outcome.reason);
      await new Promise((resolve) => setTimeout(resolve, askAgainMs));
    }
  }

  async #finish(): Promise<void> {
    try {
      await this.#world.finished();
    } catch {
      // What cannot be noted as used must not be delivered whole.
      return this.cut("The end could not be noted.");
    }
    await this.#writer.close().catch(() => undefined);
    this.#close();
  }

  #expectProgress(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const idle = (): void => void this.cut("Nothing moved for too long.");
    this.#timer = setTimeout(idle, limits.transferIdleMs);
  }

  #close(): boolean {
    if (!this.#isOpen) return false;
    this.#isOpen = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#world.ended(this);
    return true;
  }

  #expected(message: string): Response {
    return Response.json(
      { ok: false, error: { code: "TRANSFER_BROKEN", message }, expected: this.#offset },
      { status: 409 },
    );
  }
}

/** A box of an earlier release sends the bytes alone and says only how long the body is. */
function lengths(request: Request): { readonly bytes: number | null; readonly hashBytes: number } {
  const body = whole(request.headers.get("x-body-bytes"));
  const bytes = whole(request.headers.get("x-part-bytes"));
  if (bytes === null) return { bytes: body, hashBytes: 0 };
  return { bytes, hashBytes: partHashBytes };
}

function whole(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
