import { Hono } from "hono";
import type { Context } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { unwrap } from "../outcome.ts";
import { hubOf } from "../stubs.ts";
import type { DownloadLink } from "../transfer/links.ts";
import { disposition } from "./disposition.ts";
import type { Door } from "./door.ts";
import { linkName, openLink } from "./open-link.ts";
import { contentRange, multipartOf, parseRanges } from "./ranges.ts";
import type { ByteRange } from "./ranges.ts";
import { linkTransferId, relayDownload } from "./relay.ts";
import { errorResponse } from "./responses.ts";

export const downloadLinks = new Hono<Door>();

/** Hono gives HEAD to it as well and drops the body. */
downloadLinks.get("/files/d/:token", async (c) => {
  const link = await openLink(c, "download");
  const etag = link.sha === undefined ? null : `"${link.sha}"`;
  const headers = new Headers({
    "accept-ranges": "bytes",
    "content-type": link.type,
    // Local and edge runtimes compress what looks like text, and the length is gone then.
    "content-encoding": "identity",
    "content-disposition": disposition(link.name),
    "cache-control": "private, no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  });
  if (etag !== null) headers.set("etag", etag);
  if (etag !== null && matches(c.req.header("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  // A range of another version would be glued to what the caller has: the whole file is the right answer then.
  const condition = c.req.header("if-range");
  const useRange = condition === undefined || (etag !== null && condition.trim() === etag);
  let ranges: readonly ByteRange[] | null;
  try {
    ranges = parseRanges(useRange ? (c.req.header("range") ?? null) : null, link.bytes);
  } catch (error) {
    const response = errorResponse(error, c.get("requestId"));
    response.headers.set("content-range", `bytes */${link.bytes}`);
    return response;
  }
  await checkStillThere(c, link);
  const [first = { start: 0, end: link.bytes }] = ranges ?? [];
  if (ranges !== null && ranges.length > 1) return several(c, link, ranges, headers);
  headers.set("content-length", String(first.end - first.start));
  if (ranges !== null) headers.set("content-range", contentRange(first, link.bytes));
  const status = ranges === null ? 200 : 206;
  if (c.req.raw.method === "HEAD") return new Response(null, { status, headers });
  const relayed = await relay(c, link, first);
  return relayed.ok ? new Response(relayed.body, { status, headers }) : relayed;
});

/** One after the other, each through the box as a range of its own. */
async function several(
  c: Context<Door>,
  link: DownloadLink,
  ranges: readonly ByteRange[],
  headers: Headers,
): Promise<Response> {
  const boundary = crypto.randomUUID();
  const multipart = multipartOf(ranges, link, boundary);
  headers.set("content-type", `multipart/byteranges; boundary=${boundary}`);
  headers.set("content-length", String(multipart.bytes));
  if (c.req.raw.method === "HEAD") return new Response(null, { status: 206, headers });
  const { readable, writable } = new FixedLengthStream(multipart.bytes);
  const write = async (bytes: Uint8Array): Promise<void> => {
    const writer = writable.getWriter();
    await writer.write(bytes);
    writer.releaseLock();
  };
  const send = async (): Promise<void> => {
    for (const [at, range] of ranges.entries()) {
      await write(multipart.heads[at] ?? new Uint8Array());
      const { ok, body } = await relay(c, link, range);
      if (!ok || body === null) throw new Error("a range could not be read");
      await body.pipeTo(writable, { preventClose: true });
    }
    await write(multipart.tail);
    await writable.close();
  };
  // A body that is too short tells the caller that it was cut.
  c.executionCtx.waitUntil(send().catch((error: unknown) => writable.abort(error).catch(() => {})));
  return new Response(readable, { status: 206, headers });
}

async function relay(
  c: Context<Door>,
  link: DownloadLink,
  { start, end }: ByteRange,
): Promise<Response> {
  return relayDownload(
    c.env,
    {
      owner: link.o,
      agentId: link.a,
      source: link.s,
      start,
      end,
      link: {
        ...linkName(link),
        // What was read up to its end was read; an index at the file's beginning may be looked at before.
        usesUp: link.once === true && end === link.bytes,
      },
    },
    link.once === true ? await linkTransferId(link.n, "download") : null,
    c.get("requestId"),
  );
}

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
