import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetRef, parseFilename } from "@trainyard/shared/names.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { hashInside } from "../models/file-hash.ts";
import { openInside } from "../safe-path.ts";
import { isEnding } from "../uploads/end-upload.ts";
import { goneFromDataset } from "../uploads/receive-upload.ts";
import { readStaged, stagingFiles } from "../uploads/staging.ts";
import type { OperationContext, OperationHandler } from "./operation-context.ts";

type Args = OperationArgs<"upload-state">;
type Value = OperationValue<"upload-state">;

export const uploadState: OperationHandler<"upload-state"> = async (args, context) => {
  const staged = readStaged(stagingFiles(context.home, args.transferId));
  const complete = staged?.complete ?? null;
  if (complete !== null && (await goneFromDataset(complete, context)) === null) {
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

/** The dataset has a file of that name and content, whoever brought it: nothing has to be sent. */
async function alreadyThere(
  { target, totalBytes, sha256 }: Args,
  { home, spool }: OperationContext,
): Promise<Value | null> {
  if (totalBytes === null || totalBytes === undefined) return null;
  if (sha256 === null || sha256 === undefined) return null;
  const segments = [parseDatasetRef(target.dataset), parseFilename(target.filename)];
  try {
    const file = openInside(home.datasets, segments);
    file.close();
    if (file.stat.size !== totalBytes) return null;
    if ((await hashInside(spool, home.datasets, segments)) !== sha256) return null;
  } catch (error) {
    if (error instanceof AppError && error.code === "NOT_FOUND") return null;
    throw error;
  }
  const path = ["datasets", ...segments].join("/");
  return { storedBytes: totalBytes, complete: { path, bytes: totalBytes, sha256 } };
}
