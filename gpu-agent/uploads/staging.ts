import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { problemSchema, uploadEndSchema } from "@trainyard/shared/protocol/operations/uploads.ts";
import { readBootId } from "../home.ts";
import type { Home } from "../home.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** One upload on its way in: what is verified and on disk, or where the whole file went. */
const stagedSchema = z.object({
  dataset: z.string(),
  filename: z.string(),
  storedBytes: z.int().min(0),
  /** The boot in which its bytes were written: they are synced only when the file is whole, and a power cut may take them. */
  bootId: z.string().default(""),
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
  /** A folder for what is made of the file on its way into the dataset. */
  readonly work: string;
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
    work: join(home.staging, `${transferId}.work`),
  };
}

/** Null when there is none, or when a power cut may have taken bytes that were never synced. */
export function readStaged(files: StagingFiles): StagedUpload | null {
  let text: string;
  try {
    text = readFileSync(files.state, "utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return null;
    throw error;
  }
  const staged = parseStaged(text);
  const isLost = staged?.complete === null && staged.bootId !== readBootId();
  return staged === null || isLost ? null : staged;
}

/** A state that a crash left half-written is none. */
function parseStaged(text: string): StagedUpload | null {
  try {
    return stagedSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** With each part: as durable as the part itself, which is not synced either. */
export function writeStaged(files: StagingFiles, staged: Omit<StagedUpload, "bootId">): void {
  const temporary = `${files.state}.${process.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify({ ...staged, bootId: readBootId() }), { mode: 0o600 });
  renameSync(temporary, files.state);
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
