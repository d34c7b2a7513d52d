import { existsSync } from "node:fs";
import { join } from "node:path";
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
  const nameTaken = isNameTaken(args, context);
  // What was complete and is gone begins anew.
  if (staged === null || complete !== null) return { storedBytes: 0, complete: null, nameTaken };
  return {
    storedBytes: staged.storedBytes,
    complete: null,
    processing: isEnding(args.transferId),
    problem: staged.problem,
    nameTaken,
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

/** Of the names that such a file may be kept under only the last one is given up to it, whatever is there. */
function isNameTaken({ target }: Args, { home }: OperationContext): boolean {
  const filename = parseFilename(target.filename);
  if (uploadKind(filename) === "archive") return false;
  const { root, name } = uploadPlace(home, parseDatasetRef(target.dataset));
  return [...lastNames(filename)].some((last) => existsSync(join(root, name, last)));
}

function lastNames(filename: string): ReadonlySet<string> {
  const isPicture = uploadKind(filename) === "picture";
  if (!isPicture || keptName(filename, "jpeg") === filename) return new Set([filename]);
  return new Set(
    pictureFormats.map((format) => keptNames(filename, keptName(filename, format)).at(-1) ?? ""),
  );
}

const pictureFormats = ["jpeg", "png", "webp"] as const;

function possibleNames(filename: string): ReadonlySet<string> {
  const formats = uploadKind(filename) === "picture" ? pictureFormats : [];
  return new Set([
    filename,
    ...formats.flatMap((format) => keptNames(filename, keptName(filename, format))),
  ]);
}
