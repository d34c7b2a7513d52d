import { AppError } from "@trainyard/shared/errors.ts";
import type { UploadEnd } from "@trainyard/shared/protocol/operations/uploads.ts";
import type { Env } from "../env.ts";
import { used } from "../hub/link-ends.ts";
import { unwrap } from "../outcome.ts";
import { hubOf } from "../stubs.ts";
import type { UploadSpec } from "./spec.ts";

/**
 * Who holds a link for one upload: first the upload that may make its file whole, then the content of that file, which alone may come
 * again. As text, because the Hub keeps it and knows nothing of uploads.
 */
type Holder =
  | { readonly filename: string; readonly transferId: string }
  | { readonly filename: string; readonly bytes: number; readonly sha256: string };

type Complete = NonNullable<UploadEnd["complete"]>;
type Upload = Pick<UploadSpec, "owner" | "transferId" | "filename" | "totalBytes"> & {
  readonly once: NonNullable<UploadSpec["once"]>;
};

/** After these nobody knows whether the box has the file: only the same upload may try again. */
const unsure: ReadonlySet<string> = new Set(["AGENT_OFFLINE", "TOOL_TIMEOUT", "INTERNAL"]);

export function isHeldBy(holder: string, filename: string): boolean {
  return readHolder(holder).filename === filename;
}

/**
 * Takes the link before the file can become whole, so that of two files at once only one does.
 * @returns The SHA-256 that the file has to have, where the link was used by one already; else null. Throws LINK_USED.
 */
export async function takeOnce(env: Env, upload: Upload): Promise<string | null> {
  const hub = hubOf(env, upload.owner);
  const end = unwrap(await hub.links("state", upload.once));
  const holder = end?.kind === "used" ? readHolder(end.holder) : null;
  if (holder === null || "transferId" in holder) {
    unwrap(await hub.links("use", { ...upload.once, holder: sendingOf(upload) }));
    return null;
  }
  if (holder.filename !== upload.filename || holder.bytes !== upload.totalBytes) throw used();
  return holder.sha256;
}

/** The file is whole: from now on the link is good for its content alone. */
export async function keepOnce(env: Env, upload: Upload, complete: Complete): Promise<void> {
  const sha256 = complete.receivedSha256 ?? complete.sha256;
  const whole: Holder = { filename: upload.filename, bytes: upload.totalBytes, sha256 };
  await pass(env, upload, JSON.stringify(whole));
}

/** The box has refused the file, so nothing went through the link. */
export async function giveOnceBack(env: Env, upload: Upload, error?: unknown): Promise<void> {
  if (error instanceof AppError ? unsure.has(error.code) : error !== undefined) return;
  await pass(env, upload, null);
}

async function pass(env: Env, upload: Upload, to: string | null): Promise<void> {
  const { owner, once } = upload;
  unwrap(await hubOf(env, owner).links("pass", { ...once, from: sendingOf(upload), to }));
}

function sendingOf({ filename, transferId }: Upload): string {
  return JSON.stringify({ filename, transferId } satisfies Holder);
}

function readHolder(holder: string): Holder {
  return JSON.parse(holder) as Holder;
}
