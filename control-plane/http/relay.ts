import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import { newTransferId } from "@trainyard/shared/ids.ts";
import type { Env } from "../env.ts";
import { transferOf } from "../stubs.ts";
import { specHeader } from "../transfer/spec.ts";
import type { DownloadSpec, UploadSpec } from "../transfer/spec.ts";

/**
 * Hands a caller's body to the file's Transfer; its answer comes when the box has the bytes on disk.
 * @param requestId Of the request that the Transfer's answer goes out with.
 */
export function relayUpload(
  env: Env,
  spec: UploadSpec,
  body: ReadableStream<Uint8Array> | Uint8Array | null,
  requestId: string = crypto.randomUUID(),
): Promise<Response> {
  return transferOf(env, spec.owner, spec.transferId).fetch("https://transfer/upload", {
    method: "PUT",
    headers: { [specHeader]: asciiJson(spec), "x-request-id": requestId },
    body,
  });
}

/**
 * Its body has the exact length `end - start`, or is cut. A Transfer of its own for each, so that any number run side by side; those of
 * a link for one time meet in one.
 */
export function relayDownload(
  env: Env,
  range: Omit<DownloadSpec, "transferId">,
  transferId: string | null = null,
  requestId: string = crypto.randomUUID(),
): Promise<Response> {
  const spec: DownloadSpec = { ...range, transferId: transferId ?? newTransferId() };
  return transferOf(env, spec.owner, spec.transferId).fetch("https://transfer/download", {
    headers: { [specHeader]: asciiJson(spec), "x-request-id": requestId },
  });
}

/** What belongs together meets in one object, also after a retry. */
export async function linkTransferId(scope: string, ...names: readonly string[]): Promise<string> {
  const hash = await sha256Hex(new TextEncoder().encode([scope, ...names].join("/")));
  return `tr_${hash.slice(0, 40)}`;
}

/** A header carries bytes, a file name any letters: escaped, the JSON means the same. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
