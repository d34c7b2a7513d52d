import { Hono } from "hono";
import type { Context } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import { newTransferId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseFilename } from "@trainyard/shared/names.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { unwrap } from "../outcome.ts";
import { hubOf, transferOf } from "../stubs.ts";
import type { UploadSpec } from "../transfer/spec.ts";
import { verify } from "../transfer/links.ts";
import type { DownloadLink, UploadLink } from "../transfer/links.ts";
import { disposition } from "./disposition.ts";
import type { Door } from "./door.ts";
import { parseRange, relayDownload, relayUpload, uploadTransferId } from "./relay.ts";
import { reportLinks } from "./report-links.ts";
import { errorResponse } from "./responses.ts";

/** Bytes in and out by signed link. The link is the permission: no token is asked for, none is read. */
export const files = new Hono<Door>();
files.route("/", reportLinks);

// ---- up ---------------------------------------------------------------------------------------

for (const path of ["/files/u/:token", "/files/u/:token/:filename"]) {
  files.on(["PUT", "POST"], path, async (c) => {
    const link = await verify(token(c), "upload", c.get("settings").linkKey, Date.now());
    return relayUpload(c.env, await uploadSpec(c, link), c.req.raw.body);
  });

  /** Where an interrupted upload goes on. */
  files.get(path, async (c) => {
    const link = await verify(token(c), "upload", c.get("settings").linkKey, Date.now());
    const filename = filenameOf(c, link);
    const args: OperationArgs<"upload-state"> = {
      transferId: await uploadTransferId(link.n, filename),
      target: { dataset: link.d, filename },
    };
    const state = unwrap(
      await hubOf(c.env, link.o).call(link.a, "upload-state", args),
    ) as OperationValue<"upload-state">;
    return c.json({
      ok: true,
      request_id: c.get("requestId"),
      filename,
      dataset_name: link.d,
      stored_bytes: state.storedBytes,
    });
  });
}

async function uploadSpec(c: Context<Door>, link: UploadLink): Promise<UploadSpec> {
  const filename = filenameOf(c, link);
  if (/^multipart\//i.test(c.req.header("content-type") ?? "")) {
    throw new AppError("TYPE_REFUSED", "A form is not taken here.", {
      hint: "PUT the file's bytes themselves, one file per request (curl -T <file> <url>).",
    });
  }
  const bytes = lengthOf(c.req.header("content-length"));
  const { part, offset, total } = placeOf(c, bytes);
  const wholeFile = total === null;
  return {
    owner: link.o,
    agentId: link.a,
    // Parts must meet in one object. A whole file must not: sent again with other content it is another upload.
    transferId: wholeFile ? newTransferId() : await uploadTransferId(link.n, filename),
    dataset: link.d,
    filename,
    part,
    offset,
    bytes,
    sha256: hashHeader(c, "x-part-sha256") ?? (wholeFile ? hashHeader(c, "x-sha256") : null),
    last:
      total === null
        ? { totalBytes: bytes, sha256: hashHeader(c, "x-sha256") ?? hashHeader(c, "x-file-sha256") }
        : offset + bytes === total
          ? { totalBytes: total, sha256: hashHeader(c, "x-file-sha256") }
          : null,
  };
}

function filenameOf(c: Context<Door>, link: UploadLink): string {
  const given = c.req.param("filename");
  if (given === undefined && link.f === undefined) {
    throw new AppError("INVALID_FILENAME", "This link needs a file name.", {
      hint: "Put it behind the link: <upload_url>/<filename>.",
    });
  }
  const filename = parseFilename(given ?? link.f);
  if (link.f !== undefined && filename !== link.f) {
    throw new AppError("LINK_INVALID", "This link is for another file.", {
      hint: "Make a link for this file with create-upload-link, or one without a file name.",
    });
  }
  return filename;
}

function lengthOf(header: string | undefined): number {
  if (header === undefined || !/^\d{1,15}$/.test(header)) {
    throw new AppError("LENGTH_REQUIRED", "The request does not say how long the file is.", {
      hint: "Send Content-Length; curl -T <file> does.",
    });
  }
  const bytes = Number(header);
  if (bytes > limits.putBytes) {
    throw new AppError(
      "PAYLOAD_TOO_LARGE",
      `One request carries at most ${limits.putBytes} bytes.`,
      {
        hint: `Send the file in parts of ${limits.partBytes} bytes: ?part=0&offset=0&total=<bytes of the file>, then part=1 and so on.`,
        details: { max_put_bytes: limits.putBytes, part_bytes: limits.partBytes },
      },
    );
  }
  return bytes;
}

/** A plain PUT is the whole file; `part`, `offset` and `total` make it one of several. */
function placeOf(
  c: Context<Door>,
  bytes: number,
): { readonly part: number; readonly offset: number; readonly total: number | null } {
  const [part, offset, total] = (["part", "offset", "total"] as const).map((name) =>
    c.req.query(name),
  );
  if (part === undefined && offset === undefined && total === undefined) {
    return { part: 0, offset: 0, total: null };
  }
  const place = {
    part: query("part", part, 10_000),
    offset: query("offset", offset, limits.fileBytes),
    total: query("total", total, limits.fileBytes),
  };
  if (place.offset + bytes > place.total) {
    throw new AppError("INVALID_ARGUMENT", "This part ends behind the end of the file.", {
      hint: "total is the length of the whole file, offset the first byte of this part.",
      details: { field: "offset" },
    });
  }
  return place;
}

function query(field: string, text: string | undefined, max: number): number {
  const value = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= max) return value;
  throw new AppError("INVALID_ARGUMENT", `${field} must be a whole number from 0 to ${max}.`, {
    hint: "A part needs all three: part, offset and total.",
    details: { field },
  });
}

function hashHeader(c: Context<Door>, name: string): string | null {
  const value = c.req.header(name)?.trim().toLowerCase();
  if (value === undefined) return null;
  if (/^[0-9a-f]{64}$/.test(value)) return value;
  throw new AppError("INVALID_ARGUMENT", `${name} must be a SHA-256 in 64 hex digits.`, {
    details: { field: name },
  });
}

// ---- down -------------------------------------------------------------------------------------

/** Hono gives HEAD to it as well and drops the body. */
files.get("/files/d/:token", async (c) => {
  const link = await verify(token(c), "download", c.get("settings").linkKey, Date.now());
  const etag = link.sha === undefined ? null : `"${link.sha}"`;
  const headers = new Headers({
    "accept-ranges": "bytes",
    "content-type": link.type,
    // Local and edge runtimes compress what looks like text, and the length is gone then.
    "content-encoding": "identity",
    "content-disposition": disposition(link.name),
    "cache-control": "private, no-store",
    "x-content-type-options": "nosniff",
  });
  if (etag !== null) headers.set("etag", etag);
  if (etag !== null && matches(c.req.header("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  const condition = c.req.header("if-range");
  const useRange = condition === undefined || (etag !== null && condition.trim() === etag);
  let range: ReturnType<typeof parseRange>;
  try {
    range = parseRange(useRange ? (c.req.header("range") ?? null) : null, link.bytes);
  } catch (error) {
    const response = errorResponse(error, c.get("requestId"));
    response.headers.set("content-range", `bytes */${link.bytes}`);
    return response;
  }
  await checkStillThere(c, link);
  const { start, end } = range ?? { start: 0, end: link.bytes };
  headers.set("content-length", String(end - start));
  if (range !== null) headers.set("content-range", `bytes ${start}-${end - 1}/${link.bytes}`);
  const status = range === null ? 200 : 206;
  if (c.req.raw.method === "HEAD") return new Response(null, { status, headers });
  const relayed = await relayDownload(c.env, {
    owner: link.o,
    agentId: link.a,
    source: link.s,
    start,
    end,
  });
  return relayed.ok ? new Response(relayed.body, { status, headers }) : relayed;
});

/** Before any header is promised: the box is there, the file too, and it is the one the link was made for. */
async function checkStillThere(c: Context<Door>, link: DownloadLink): Promise<void> {
  const args: OperationArgs<"describe-file"> = { source: link.s, hash: false };
  const file = unwrap(
    await hubOf(c.env, link.o).call(link.a, "describe-file", args),
  ) as OperationValue<"describe-file">;
  // A log only grows, so its beginning is still what was offered.
  const untouched = link.m === undefined || link.m === file.modifiedAtMs;
  if (file.bytes === link.bytes && untouched) return;
  if (link.s.kind === "log" && file.bytes > link.bytes) return;
  throw new AppError("LINK_EXPIRED", "The file changed after this link was made.", {
    hint: "Make a new one with create-download-link.",
  });
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(",")
    .some((entry) => entry.trim() === "*" || entry.trim().replace(/^W\//, "") === etag);
}

// ---- the box's side ---------------------------------------------------------------------------

files.on(["GET", "POST"], "/files/agent/:transferId/parts/:part", (c) => {
  const { transferId, part } = c.req.param();
  const authorization = c.req.header("authorization") ?? "";
  const owner = /^Ticket ([^~]{1,80})~[0-9a-f-]{36}$/.exec(authorization)?.[1];
  // Only owners with a box have transfers: a guessed name must not create an object.
  const known = c.get("settings").agents.some((agent) => agent.owner === owner);
  if (
    owner === undefined ||
    !known ||
    !/^tr_[0-9a-z]{26,40}$/.test(transferId) ||
    !/^\d{1,6}$/.test(part)
  ) {
    throw new AppError("LINK_INVALID", "This ticket is not one of ours.");
  }
  const headers = new Headers({ authorization });
  const offset = c.req.header("x-part-offset");
  if (offset !== undefined) headers.set("x-part-offset", offset);
  return transferOf(c.env, owner, transferId).fetch(`https://transfer/parts/${part}`, {
    method: c.req.method,
    headers,
    body: c.req.method === "POST" ? c.req.raw.body : null,
  });
});

function token(c: Context<Door>): string {
  return c.req.param("token") ?? "";
}
