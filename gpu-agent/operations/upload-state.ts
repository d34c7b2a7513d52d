import { keptName, uploadKind } from "@trainyard/shared/dataset/upload-kinds.ts";
import { parseDatasetRef, parseFilename } from "@trainyard/shared/names.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { isEnding } from "../uploads/end-upload.ts";
import { goneFromDataset } from "../uploads/receive-upload.ts";
import { hashThere, keptNames, receivedThere, uploadPlace } from "../uploads/upload-place.ts";
import { readStaged, stagingFiles } from "../uploads/staging.ts";
import type { OperationContext, OperationHandler } from "./operation-context.ts";

type Args = OperationArgs<"upload-state">;
type Value = OperationValue<"upload-state">;

export const uploadState: OperationHandler<"upload-state"> = async (args, context) => {
  const staged = readStaged(stagingFiles(context.home, args.transferId));
  const complete = staged?.complete ?? null;
  if (
    complete !== null &&
    (await goneFromDataset(complete, staged?.dataset ?? "", context)) === null
  ) {
    return { storedBytes: staged?.storedBytes ?? 0, complete };
  }
  const there = await alreadyThere(args, context);
  if (there !== null) return there;
  // What was complete and is gone begins anew.
  if (staged === null || complete !== null) return { storedBytes: 0, complete: null };
  return {
    storedBytes: staged.storedBytes,
    complete: null,
    processing: isEnding(args.transferId),
    problem: staged.problem,
  };
};

/** The dataset has a file of that name and content, or what was made of such a one, whoever brought it: nothing has to be sent. */
async function alreadyThere(
  { target, totalBytes, sha256 }: Args,
  { home, spool }: OperationContext,
): Promise<Value | null> {
  if (totalBytes === null || totalBytes === undefined) return null;
  if (sha256 === null || sha256 === undefined) return null;
  const filename = parseFilename(target.filename);
  const place = uploadPlace(home, parseDatasetRef(target.dataset));
  for (const name of possibleNames(filename)) {
    const stored = await hashThere(spool, place, name);
    if (stored === null) continue;
    const path = `${place.virtualPath}/${name}`;
    const complete = { path, bytes: totalBytes, sha256: stored };
    if (stored === sha256) return { storedBytes: totalBytes, complete };
    if (receivedThere(spool, place, name) !== sha256) continue;
    return {
      storedBytes: totalBytes,
      complete: { ...complete, receivedSha256: sha256, change: "converted" },
    };
  }
  return null;
}

function possibleNames(filename: string): ReadonlySet<string> {
  const formats = uploadKind(filename) === "picture" ? (["jpeg", "png", "webp"] as const) : [];
  return new Set([
    filename,
    ...formats.flatMap((format) => keptNames(filename, keptName(filename, format))),
  ]);
}
