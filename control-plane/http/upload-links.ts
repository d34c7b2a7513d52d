import { Hono } from "hono";
import type { Context } from "hono";
import { AppError, errorTable } from "@trainyard/shared/errors.ts";
import { newTransferId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseFilename } from "@trainyard/shared/names.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { unwrap } from "../outcome.ts";
import { hubOf } from "../stubs.ts";
import type { UploadLink } from "../transfer/links.ts";
import { giveOnceBack, isHeldBy, keepOnce } from "../transfer/one-upload.ts";
import type { UploadSpec } from "../transfer/spec.ts";
import { refusedPage, uploadPage } from "../upload-page/upload-page.ts";
import type { Door } from "./door.ts";
import { linkName, openLink } from "./open-link.ts";
import { pageResponse } from "./page.ts";
import { linkTransferId, relayUpload } from "./relay.ts";
import { uploadAnswer } from "./upload-answer.ts";
import { wantsPage } from "./wants-page.ts";

export const uploadLinks = new Hono<Door>();

for (const path of ["/files/u/:token", "/files/u/:token/:filename"]) {
  uploadLinks.on(["PUT", "POST"], path, async (c) => {
    const link = await openUploadLink(c);
    const spec = await uploadSpec(c, link);
    return relayUpload(c.env, spec, c.req.raw.body, c.get("requestId"));
  });
}

/** A link for one time opens again for the file that used it; whether it is that file's content shows with its bytes. */
function openUploadLink(c: Context<Door>): Promise<UploadLink> {
  return openLink(c, "upload", (holder) => {
    const filename = c.req.param("filename");
    return filename === undefined || isHeldBy(holder, parseFilename(filename));
  });
}

/** Where an interrupted upload goes on, and what became of one that was sent whole. */
uploadLinks.get("/files/u/:token/:filename", async (c) => {
  const link = await openUploadLink(c);
  return c.json(await stateOf(c, link, filenameOf(c, link)));
});

/** In a browser a page to drop files on. Else the same for a link that names its file, or what the link is for and what is there. */
uploadLinks.get("/files/u/:token", async (c) => {
  if (wantsPage(c)) return pageOf(c);
  c.header("vary", "accept");
  const link = await openLink(c, "upload");
  if (link.f !== undefined && c.req.query("total") !== undefined) {
    return c.json(await stateOf(c, link, filenameOf(c, link)));
  }
  const args: OperationArgs<"dataset-files"> = { dataset: link.d, limit: limits.datasetFilesShown };
  const found = unwrap(
    await hubOf(c.env, link.o).call(link.a, "dataset-files", args),
  ) as OperationValue<"dataset-files">;
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    dataset_name: link.d,
    filename: link.f ?? null,
    one_time: link.once === true,
    expires_at: new Date(link.exp * 1_000).toISOString(),
    part_bytes: limits.partBytes,
    max_put_bytes: limits.putBytes,
    images: found.images,
    captions: found.captions,
    files: found.files.map(({ name, bytes }) => ({ name, bytes })),
    truncated: found.truncated,
  });
});

async function pageOf(c: Context<Door>): Promise<Response> {
  try {
    const link = await openLink(c, "upload");
    const { origin, pathname } = new URL(c.req.url);
    return await pageResponse(uploadPage(link, origin + pathname, Date.now()));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return pageResponse(refusedPage(error), errorTable[error.code].status);
  }
}

async function stateOf(c: Context<Door>, link: UploadLink, filename: string) {
  const totalBytes = query("total", c.req.query("total"), limits.fileBytes);
  const args: OperationArgs<"upload-state"> = {
    transferId: await partsId(c, link, filename, totalBytes),
    target: { dataset: link.d, filename },
    totalBytes,
    sha256: hashHeader(c, "x-file-sha256"),
  };
  const state = unwrap(
    await hubOf(c.env, link.o).call(link.a, "upload-state", args),
  ) as OperationValue<"upload-state">;
  if (link.once === true) {
    const once = linkName(link);
    const upload = { owner: link.o, transferId: args.transferId, filename, totalBytes, once };
    if (state.complete) await keepOnce(c.env, upload, state.complete);
    else if (state.problem) await giveOnceBack(c.env, upload);
  }
  return {
    ok: true,
    request_id: c.get("requestId"),
    filename,
    dataset_name: link.d,
    stored_bytes: state.storedBytes,
    ...uploadAnswer({ ...state, complete: state.complete ?? null }),
    // Why the whole file was not taken: it has to be another one.
    problem: state.problem ?? null,
    // Another file has that name, and this one would take its place.
    name_taken: state.nameTaken ?? false,
  };
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
  const common = {
    owner: link.o,
    agentId: link.a,
    dataset: link.d,
    filename,
    part,
    offset,
    bytes,
    totalBytes: total ?? bytes,
    ...(link.once === true ? { once: linkName(link) } : {}),
  };
  if (total === null) {
    return {
      ...common,
      // A whole file sent again with other content is another upload; of a link for one time it is the same, or nothing.
      transferId: link.once === true ? await partsId(c, link, filename, bytes) : newTransferId(),
      sha256: hashHeader(c, "x-part-sha256") ?? hashHeader(c, "x-sha256"),
      last: {
        totalBytes: bytes,
        sha256: hashHeader(c, "x-sha256") ?? hashHeader(c, "x-file-sha256"),
      },
    };
  }
  const isLast = offset + bytes === total;
  return {
    ...common,
    transferId: await partsId(c, link, filename, total),
    sha256: hashHeader(c, "x-part-sha256"),
    last: isLast ? { totalBytes: total, sha256: hashHeader(c, "x-file-sha256") } : null,
  };
}

/**
 * Parts of one file meet in one object. The length and the caller's own name for the upload are in it, so that two people who send
 * different files under one name never mix them. A name that long is made of the content: then the upload goes on under a later link
 * to the dataset too.
 */
function partsId(
  c: Context<Door>,
  link: UploadLink,
  filename: string,
  totalBytes: number,
): Promise<string> {
  const upload = c.req.query("upload") ?? "";
  if (!/^[\w.-]{0,64}$/.test(upload)) {
    throw new AppError("INVALID_ARGUMENT", "upload must be up to 64 letters, digits, . _ or -.", {
      hint: "Any name of yours for this file's content, the same in every part; for example its SHA-256.",
      details: { field: "upload" },
    });
  }
  const scope = upload.length >= contentNameLength ? `${link.a}/${link.d}` : link.n;
  return linkTransferId(scope, filename, String(totalBytes), upload);
}

/** Half a SHA-256 in hex. */
const contentNameLength = 32;

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
        hint: `Send the file in parts of ${limits.partBytes} bytes: ?part=0&offset=0&total=<bytes of the file>, then part=1 and so on. trainyard upload and the link in a browser do it.`,
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
    hint: "A part needs all three: part, offset and total. Asking where to go on needs total.",
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
