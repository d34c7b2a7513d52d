import { AppError } from "@trainyard/shared/errors.ts";
import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import { newTransferId } from "@trainyard/shared/ids.ts";
import type { Env } from "../env.ts";
import { transferOf } from "../stubs.ts";
import { specHeader } from "../transfer/spec.ts";
import type { DownloadSpec, UploadSpec } from "../transfer/spec.ts";

/** Hands a caller's body to the file's Transfer; its answer comes when the box has the bytes on disk. */
export function relayUpload(
  env: Env,
  spec: UploadSpec,
  body: ReadableStream<Uint8Array> | Uint8Array | null,
): Promise<Response> {
  return transferOf(env, spec.owner, spec.transferId).fetch("https://transfer/upload", {
    method: "PUT",
    headers: { [specHeader]: asciiJson(spec) },
    body,
  });
}

/** A fresh Transfer for each download; its body has the exact length `end - start`, or is cut. */
export function relayDownload(
  env: Env,
  range: Omit<DownloadSpec, "transferId">,
): Promise<Response> {
  const spec: DownloadSpec = { ...range, transferId: newTransferId() };
  return transferOf(env, spec.owner, spec.transferId).fetch("https://transfer/download", {
    headers: { [specHeader]: asciiJson(spec) },
  });
}

/** All parts of one file of one link meet in one object, also after a retry. */
export async function uploadTransferId(nonce: string, filename: string): Promise<string> {
  const hash = await sha256Hex(new TextEncoder().encode(`${nonce}/${filename}`));
  return `tr_${hash.slice(0, 40)}`;
}

/** `bytes=a-b`, `a-` or `-n` as a half-open range; null where the whole file is meant. Throws RANGE_INVALID. */
export function parseRange(
  header: string | null,
  bytes: number,
): { readonly start: number; readonly end: number } | null {
  if (header === null || !/^bytes *=/i.test(header)) return null;
  const range = /^bytes *= *(\d{0,15}) *- *(\d{0,15}) *$/i.exec(header);
  const [first, last] = [range?.[1] ?? "", range?.[2] ?? ""];
  const invalid = new AppError("RANGE_INVALID", "This range is not in the file.", {
    hint: `Ask for one range of bytes from 0 to ${Math.max(0, bytes - 1)}.`,
    details: { bytes },
  });
  if (first === "" && last === "") throw invalid;
  if (first === "") {
    const length = Math.min(Number(last), bytes);
    if (length === 0) throw invalid;
    return { start: bytes - length, end: bytes };
  }
  const start = Number(first);
  const end = last === "" ? bytes : Math.min(Number(last) + 1, bytes);
  if (start >= bytes || end <= start) throw invalid;
  return { start, end };
}

/** A header carries bytes, a file name any letters: escaped, the JSON means the same. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
