import { rmSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { UploadEnd } from "@trainyard/shared/protocol/operations/uploads.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { admitUpload } from "./admit-upload.ts";
import { readStaged, writeStaged } from "./staging.ts";
import type { StagedUpload, StagingFiles } from "./staging.ts";

export interface WholeUpload {
  readonly transferId: string;
  readonly files: StagingFiles;
  readonly staged: StagedUpload;
  /** Of the bytes as they were sent. */
  readonly sha256: string;
  readonly strict: boolean;
}

type Complete = NonNullable<UploadEnd["complete"]>;

/** What is done with a file takes its time: whoever asks meanwhile waits for the same work. */
const ending = new Map<string, Promise<Complete>>();

/** A file that failed for such a reason may be taken at the next try, so its bytes are kept. */
const passing: ReadonlySet<string> = new Set([
  "STORAGE_FULL",
  "IN_USE",
  "NAME_CONFLICT",
  "PATH_ESCAPE",
  "NOT_REGULAR_FILE",
]);

/**
 * Takes a whole, verified file into its dataset; `processing` when that takes longer than a request should wait. A refusal is
 * thrown, and remembered for who asks for the upload's state.
 */
export async function endUpload(
  upload: WholeUpload,
  context: OperationContext,
): Promise<UploadEnd> {
  const { transferId } = upload;
  let work = ending.get(transferId);
  if (work === undefined) {
    work = settle(upload, context).finally(() => ending.delete(transferId));
    // Whoever asked may have gone; the refusal is in the state.
    work.catch(() => undefined);
    ending.set(transferId, work);
  }
  const late = new Promise<null>((resolve) => {
    const timer = context.time.after(limits.uploadEndWaitMs, () => resolve(null));
    void work.catch(() => undefined).finally(() => timer.cancel());
  });
  const complete = await Promise.race([work, late]);
  return complete === null ? { complete: null, processing: true } : { complete };
}

export function isEnding(transferId: string): boolean {
  return ending.has(transferId);
}

async function settle(upload: WholeUpload, context: OperationContext): Promise<Complete> {
  const { files, staged } = upload;
  try {
    const { dataset, filename, storedBytes } = staged;
    const complete = await admitUpload(
      {
        path: files.data,
        work: files.work,
        dataset,
        filename,
        bytes: storedBytes,
        sha256: upload.sha256,
        strict: upload.strict,
      },
      context,
    );
    rmSync(files.data, { force: true });
    writeStaged(files, { ...staged, complete, problem: null });
    return complete;
  } catch (error) {
    if (error instanceof AppError && !passing.has(error.code)) {
      const { code, message, hint } = error;
      rmSync(files.data, { force: true });
      const before = readStaged(files) ?? staged;
      writeStaged(files, {
        ...before,
        storedBytes: 0,
        problem: { code, message, hint: hint ?? null },
      });
    }
    throw error;
  }
}
