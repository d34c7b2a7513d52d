import { DurableObject } from "cloudflare:workers";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import type { Env } from "../env.ts";
import { errorResponse } from "../http/responses.ts";
import { unwrap } from "../outcome.ts";
import { hubOf } from "../stubs.ts";
import { pump, ReaderGone } from "./pump.ts";
import { downloadSpecSchema, specHeader, uploadSpecSchema } from "./spec.ts";
import type { DownloadSpec, UploadSpec } from "./spec.ts";

interface HeldPart {
  readonly ticket: string;
  readonly body: ReadableStream<Uint8Array>;
  readonly bytes: number;
  /** Ends the relay of this part; set once the box fetches it. */
  cut: () => void;
}

interface OpenDownload {
  readonly ticket: string;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly end: number;
  offset: number;
  busy: boolean;
  timer: ReturnType<typeof setTimeout> | null;
  done(): void;
}

/**
 * One file in flight: joins the caller's request with the box's. Nothing is stored: a part is answered only when the box
 * has it on disk, and what must survive a cut is on the box. Back-pressure is the two sockets'.
 */
export class Transfer extends DurableObject<Env> {
  readonly #held = new Map<number, HeldPart>();
  #download: OpenDownload | null = null;

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    try {
      if (pathname === "/upload") {
        return await this.#upload(
          request,
          uploadSpecSchema.parse(JSON.parse(request.headers.get(specHeader) ?? "")),
        );
      }
      if (pathname === "/download") {
        return await this.#openDownload(
          downloadSpecSchema.parse(JSON.parse(request.headers.get(specHeader) ?? "")),
        );
      }
      const part = /^\/parts\/(\d{1,6})$/.exec(pathname);
      if (part !== null && request.method === "GET")
        return this.#fetchPart(request, Number(part[1]));
      if (part !== null && request.method === "POST") return await this.#takePart(request);
      throw new AppError("NOT_FOUND", "There is nothing at this address.");
    } catch (error) {
      return errorResponse(error);
    }
  }

  // ---- up: the caller's PUT becomes the body of the box's GET -----------------------------------

  async #upload(request: Request, spec: UploadSpec): Promise<Response> {
    if (request.body === null && spec.bytes > 0) {
      throw new AppError("LENGTH_REQUIRED", "The request has no body.");
    }
    // The same part once more: the caller has given the older request up, whether or not its connection noticed.
    this.#held.get(spec.part)?.cut();
    if (this.#held.size >= 2 && !this.#held.has(spec.part)) {
      throw new AppError("QUOTA_EXCEEDED", "Two parts of this file are already on their way.", {
        hint: "Send the next part when one of them is answered.",
      });
    }
    const ticket = newTicket(spec.owner);
    const body = request.body ?? new ReadableStream<Uint8Array>({ start: (c) => c.close() });
    const held: HeldPart = { ticket, body, bytes: spec.bytes, cut: () => undefined };
    this.#held.set(spec.part, held);
    try {
      const args: OperationArgs<"receive-part"> = {
        transferId: spec.transferId,
        ticket,
        target: { dataset: spec.dataset, filename: spec.filename },
        part: spec.part,
        offset: spec.offset,
        bytes: spec.bytes,
        sha256: spec.sha256,
        last: spec.last,
      };
      const value = unwrap(
        await hubOf(this.env, spec.owner).call(spec.agentId, "receive-part", args),
      ) as OperationValue<"receive-part">;
      return Response.json({
        ok: true,
        filename: spec.filename,
        dataset_name: spec.dataset,
        part: spec.part,
        sha256: value.sha256,
        stored_bytes: value.storedBytes,
        complete: value.complete !== null,
        ...(value.complete === null
          ? {}
          : {
              path: value.complete.path,
              bytes: value.complete.bytes,
              file_sha256: value.complete.sha256,
            }),
      });
    } finally {
      if (this.#held.get(spec.part) === held) this.#held.delete(spec.part);
      // An unread body would keep the caller's connection busy; the box may have refused before reading it.
      if (!body.locked) await body.cancel().catch(() => undefined);
    }
  }

  #fetchPart(request: Request, part: number): Response {
    const held = this.#held.get(part);
    if (held === undefined || held.body.locked || !ticketMatches(request, held.ticket)) {
      throw new AppError("LINK_INVALID", "This part is not waiting here.");
    }
    const { readable, writable } = new FixedLengthStream(held.bytes);
    void relayPart(held, writable.getWriter());
    return new Response(readable, {
      headers: { "content-type": "application/octet-stream", "content-encoding": "identity" },
    });
  }

  // ---- down: the box's POSTs become the body of the caller's GET --------------------------------

  async #openDownload(spec: DownloadSpec): Promise<Response> {
    if (this.#download !== null)
      throw new AppError("TRANSFER_BROKEN", "This transfer is already running.");
    const ticket = newTicket(spec.owner);
    const { readable, writable } = new FixedLengthStream(spec.end - spec.start);
    const writer = writable.getWriter();
    const download: OpenDownload = {
      ticket,
      writer,
      end: spec.end,
      offset: spec.start,
      busy: false,
      timer: null,
      done: () => {
        if (download.timer !== null) clearTimeout(download.timer);
        this.#download = null;
      },
    };
    this.#download = download;
    if (spec.end === spec.start) {
      await writer.close();
      download.done();
    } else {
      this.#expectProgress(download);
      void this.#askForFile(spec, download);
    }
    return new Response(readable, {
      status: 200,
      headers: { "content-type": "application/octet-stream" },
    });
  }

  async #askForFile(spec: DownloadSpec, download: OpenDownload): Promise<void> {
    const args: OperationArgs<"send-file"> = {
      transferId: spec.transferId,
      ticket: download.ticket,
      source: spec.source,
      start: spec.start,
      end: spec.end,
      partBytes: limits.partBytes,
    };
    const outcome = await hubOf(this.env, spec.owner).call(spec.agentId, "send-file", args);
    if (outcome.ok || this.#download !== download) return;
    // A lost connection may come back within the idle time and the parts go on; any other refusal is final.
    if (outcome.error.code !== "AGENT_OFFLINE" && outcome.error.code !== "TOOL_TIMEOUT") {
      await this.#abort(download, outcome.error.message);
    }
  }

  async #takePart(request: Request): Promise<Response> {
    const download = this.#download;
    if (download === null || !ticketMatches(request, download.ticket)) {
      throw new AppError("LINK_EXPIRED", "Nobody waits for this file any more.");
    }
    const offset = Number(request.headers.get("x-part-offset"));
    if (download.busy || offset !== download.offset || request.body === null) {
      return Response.json(
        {
          ok: false,
          error: { code: "TRANSFER_BROKEN", message: "Another byte is expected." },
          expected: download.offset,
        },
        { status: 409 },
      );
    }
    download.busy = true;
    try {
      await pump(request.body, download.writer, download.end - download.offset, (bytes) => {
        download.offset += bytes;
        this.#expectProgress(download);
      });
    } catch (error) {
      if (error instanceof ReaderGone) {
        await this.#abort(download, "The caller went away.");
        throw new AppError("LINK_EXPIRED", "The caller went away.");
      }
      return Response.json(
        {
          ok: false,
          error: { code: "TRANSFER_BROKEN", message: "The part was cut." },
          expected: download.offset,
        },
        { status: 409 },
      );
    } finally {
      download.busy = false;
    }
    if (download.offset === download.end) {
      await download.writer.close();
      download.done();
    }
    return Response.json({ ok: true, expected: download.offset });
  }

  #expectProgress(download: OpenDownload): void {
    if (download.timer !== null) clearTimeout(download.timer);
    download.timer = setTimeout(() => {
      void this.#abort(download, "The box fell silent.");
    }, limits.transferIdleMs);
  }

  /** A short body is the only honest end of a download whose header promised a length. */
  async #abort(download: OpenDownload, reason: string): Promise<void> {
    download.done();
    await download.writer.abort(new Error(reason)).catch(() => undefined);
  }
}

/**
 * A cut or a silence of the caller shows at the box as a short body, and the box's refusal ends the caller's request: without
 * the time limit a half-open connection would block its own resume for minutes.
 */
async function relayPart(
  held: HeldPart,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  const silent = (): void =>
    void writer.abort(new Error("The caller fell silent.")).catch(() => undefined);
  let timer = setTimeout(silent, limits.transferIdleMs);
  held.cut = silent;
  try {
    await pump(held.body, writer, held.bytes, () => {
      clearTimeout(timer);
      timer = setTimeout(silent, limits.transferIdleMs);
    });
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
  } finally {
    clearTimeout(timer);
  }
}

/** The owner in front tells the Worker which object to ask; the rest is 128 random bits. */
function newTicket(owner: string): string {
  return `${owner}~${crypto.randomUUID()}`;
}

function ticketMatches(request: Request, ticket: string): boolean {
  return request.headers.get("authorization") === `Ticket ${ticket}`;
}
