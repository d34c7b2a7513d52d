import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Home } from "../home.ts";
import { writeFileAtomic } from "./atomic-write.ts";

/** One upload on its way in: what is verified and on disk, or where the whole file went. */
export interface StagedUpload {
  readonly dataset: string;
  readonly filename: string;
  readonly storedBytes: number;
  /** Of the whole file, as the first part that knew it announced it. */
  readonly totalBytes: number | null;
  readonly complete: {
    readonly path: string;
    readonly bytes: number;
    readonly sha256: string;
  } | null;
}

const stagedSchema = z.object({
  dataset: z.string(),
  filename: z.string(),
  storedBytes: z.int().min(0),
  totalBytes: z.int().min(0).nullable().default(null),
  complete: z.object({ path: z.string(), bytes: z.int(), sha256: z.string() }).nullable(),
});

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
      rmSync(path, { force: true });
  }
}
