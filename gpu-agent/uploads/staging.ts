import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { problemSchema, uploadEndSchema } from "@trainyard/shared/protocol/operations.ts";
import { writeFileAtomic } from "../files/atomic-write.ts";
import type { Home } from "../home.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** One upload on its way in: what is verified and on disk, or where the whole file went. */
const stagedSchema = z.object({
  dataset: z.string(),
  filename: z.string(),
  storedBytes: z.int().min(0),
  /** Of the whole file, as the first part that knew it announced it. */
  totalBytes: z.int().min(0).nullable().default(null),
  /** The part that made it whole: it may come once more, when its answer was lost. */
  last: z.object({ offset: z.int(), bytes: z.int(), sha256 }).nullable().default(null),
  complete: uploadEndSchema.shape.complete,
  /** Why the whole file was not taken. */
  problem: problemSchema.nullable().default(null),
});
export type StagedUpload = z.infer<typeof stagedSchema>;

export interface StagingFiles {
  readonly data: string;
  readonly state: string;
}

export function stagingFiles(home: Home, transferId: string): StagingFiles {
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(transferId)) {
    throw new AppError("INVALID_ARGUMENT", "That is no transfer id.", {
      hint: "Ask for a new upload link.",
    });
  }
  return {
    data: join(home.staging, `${transferId}.part`),
    state: join(home.staging, `${transferId}.json`),
  };
}

export function readStaged(files: StagingFiles): StagedUpload | null {
  let text: string;
  try {
    text = readFileSync(files.state, "utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return null;
    throw error;
  }
  return stagedSchema.parse(JSON.parse(text));
}

export function writeStaged(files: StagingFiles, staged: StagedUpload): void {
  writeFileAtomic(files.state, JSON.stringify(staged));
}

/** Uploads that nobody finished, and the notes of finished ones, go after a day. */
export function sweepStaging(home: Home, nowMs: number): void {
  for (const name of readdirSync(home.staging)) {
    const path = join(home.staging, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && nowMs - stat.mtimeMs > limits.stagingKeepMs)
      rmSync(path, { recursive: true, force: true });
  }
}
