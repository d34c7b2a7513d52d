import { DurableObject } from "cloudflare:workers";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import type { Env } from "../env.ts";
import { uploadAnswer } from "../http/upload-answer.ts";
import { used } from "../hub/link-ends.ts";
import { errorResponse } from "../http/responses.ts";
import { unwrap } from "../outcome.ts";
import { hubOf } from "../stubs.ts";
import { createHeldParts } from "./held-parts.ts";
import { giveOnceBack, keepOnce, takeOnce } from "./one-upload.ts";
import { OpenDownload } from "./open-download.ts";
import type { AskOutcome, DownloadWorld } from "./open-download.ts";
import { downloadSpecSchema, specHeader, uploadSpecSchema } from "./spec.ts";
import type { DownloadSpec, UploadSpec } from "./spec.ts";

type Received = OperationValue<"receive-part">;
type LastOfOnce = UploadSpec & {
  readonly once: NonNullable<UploadSpec["once"]>;
  readonly last: NonNullable<UploadSpec["last"]>;
};

/** The box or its connection is on its way back: worth asking again while a caller waits. */
const passing: ReadonlySet<string> = new Set(["AGENT_OFFLINE", "TOOL_TIMEOUT"]);

/**
 * One file in flight: joins the caller's request with the box's. Nothing is stored: a part is answered only when the box
 * has it on disk, and what must survive a cut is on the box. Back-pressure is the two sockets'.
 */
export class Transfer extends DurableObject<Env> {
  readonly #held = createHeldParts();
  #download: OpenDownload | null = null;
  #once: Promise<void> = Promise.resolve();

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    try {
      if (pathname === "/upload") {
        return await this.#upload(request, uploadSpecSchema.parse(specOf(request)));
      }
      if (pathname === "/download") {
        return await this.#openDownload(downloadSpecSchema.parse(specOf(request)));
      }
      const part = /^\/parts\/(\d{1,6})$/.exec(pathname);
      if (part !== null && request.method === "GET")
        return this.#held.give(Number(part[1]), request);
      if (part !== null && request.method === "POST") {
        if (this.#download !== null) return await this.#download.take(request);
        throw new AppError("LINK_EXPIRED", "Nobody waits for this file any more.");
      }
      throw new AppError("NOT_FOUND", "There is nothing at this address.");
    } catch (error) {
      return errorResponse(error, request.headers.get("x-request-id") ?? undefined);
    }
  }

  // ---- up: the caller's PUT becomes the body of the box's GET -----------------------------------

  async #upload(request: Request, spec: UploadSpec): Promise<Response> {
    const value = await (spec.once !== undefined && spec.last !== null
      ? this.#sendOnce(request, { ...spec, once: spec.once, last: spec.last })
      : this.#send(request, spec));
    const answer = {
      ok: true,
      request_id: request.headers.get("x-request-id"),
      filename: spec.filename,
      dataset_name: spec.dataset,
      part: spec.part,
      sha256: value.sha256,
      stored_bytes: value.storedBytes,
      ...uploadAnswer(value),
    };
    return Response.json(answer, { status: value.processing === true ? 202 : 200 });
  }

  /** The part that makes the file of a link for one time whole: one after the other, so that the next knows what became of this one. */
  #sendOnce(request: Request, spec: LastOfOnce): Promise<Received> {
    this.#held.cut(spec.part);
    const mine = this.#once.then(async () => {
      const sha256 = await takeOnce(this.env, spec);
      const { totalBytes, sha256: declared } = spec.last;
      if (sha256 !== null && declared !== null && declared !== sha256) throw used();
      try {
        const last = { totalBytes, sha256: sha256 ?? declared };
        const value = await this.#send(request, { ...spec, last });
        if (value.complete !== null) await keepOnce(this.env, spec, value.complete);
        return value;
      } catch (error) {
        if (sha256 !== null && error instanceof AppError && error.code === "CHECKSUM_MISMATCH") {
          throw used();
        }
        await giveOnceBack(this.env, spec, error);
        throw error;
      }
    });
    this.#once = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }

  #send(request: Request, spec: UploadSpec): Promise<Received> {
    return this.#held.hold({ ...spec, body: request.body }, async (ticket) => {
      const args: OperationArgs<"receive-part"> = {
        transferId: spec.transferId,
        ticket,
        target: {
          dataset: spec.dataset,
          filename: spec.filename,
          ...(spec.strict === undefined ? {} : { strict: spec.strict }),
        },
        part: spec.part,
        offset: spec.offset,
        bytes: spec.bytes,
        totalBytes: spec.totalBytes,
        sha256: spec.sha256,
        last: spec.last,
      };
      return unwrap(
        await hubOf(this.env, spec.owner).call(spec.agentId, "receive-part", args),
      ) as Received;
    });
  }

  // ---- down: the box's POSTs become the body of the caller's GET --------------------------------

  async #openDownload(spec: DownloadSpec): Promise<Response> {
    // A link for one time has one reader: who lost the connection comes back here before the loss is noticed.
    await this.#download?.cut("A newer request took its place.");
    const download = new OpenDownload(spec, this.#worldOf(spec));
    if (spec.end > spec.start) this.#download = download;
    return download.response;
  }

  #worldOf({ link, ...spec }: DownloadSpec): DownloadWorld {
    const hub = hubOf(this.env, spec.owner);
    return {
      ask: async (ticket, start): Promise<AskOutcome> => {
        const args: OperationArgs<"send-file"> = {
          transferId: spec.transferId,
          ticket,
          source: spec.source,
          start,
          end: spec.end,
          partBytes: limits.partBytes,
        };
        const outcome = await hub.call(spec.agentId, "send-file", args);
        if (outcome.ok) return { kind: "sent" };
        if (passing.has(outcome.error.code)) return { kind: "away" };
        return { kind: "refused", reason: outcome.error.message };
      },
      isRevoked: async () =>
        link !== null && unwrap(await hub.links("state", link))?.kind === "revoked",
      finished: async () => {
        if (link?.usesUp === true) unwrap(await hub.links("use", { ...link, holder: "download" }));
      },
      ended: (download) => {
        if (this.#download === download) this.#download = null;
      },
    };
  }
}

function specOf(request: Request): unknown {
  return JSON.parse(request.headers.get(specHeader) ?? "");
}
