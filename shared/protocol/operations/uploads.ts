import { z } from "zod";
import { limits } from "../../limits.ts";
import { bytes, id, name, operation, sha256 } from "./operation.ts";

const transferTarget = z.object({
  dataset: name,
  filename: z.string().min(1).max(300),
  /** Of an archive: all of its files, or none. */
  strict: z.boolean().nullish(),
});

export const problemSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullish(),
});

/** What became of an upload whose bytes are all there. */
const uploadEnd = {
  complete: z
    .object({
      path: z.string(),
      bytes,
      /** Of the file as it lies in the dataset. */
      sha256,
      /** Of the bytes as they were sent, where the file was changed on the box; missing: the same. */
      receivedSha256: sha256.nullish(),
      /** One word of ours for what was changed; missing: nothing. */
      change: z.string().nullish(),
      /** For an archive: what came out of it. */
      archive: z
        .object({
          files: z.int().min(0),
          images: z.int().min(0),
          captions: z.int().min(0),
          /** The first of them; `skippedTotal` counts all. */
          skipped: z.array(
            z.object({ filename: z.string(), code: z.string(), message: z.string() }),
          ),
          skippedTotal: z.int().min(0),
          changed: z.array(
            z.object({ filename: z.string(), storedAs: z.string(), change: z.string() }),
          ),
        })
        .nullish(),
    })
    .nullable(),
  /** All bytes are there and are still looked at; ask again. */
  processing: z.boolean().nullish(),
};
export const uploadEndSchema = z.object(uploadEnd);
export type UploadEnd = z.infer<typeof uploadEndSchema>;

export const uploadOperations = {
  /** The box fetches one part of an upload from the Transfer and answers when it is verified and on disk. */
  "receive-part": operation({
    args: z.object({
      transferId: id,
      ticket: id,
      target: transferTarget,
      part: z.int().min(0).max(10_000),
      offset: bytes,
      bytes,
      /** Of the whole file, known from its first part on. */
      totalBytes: bytes.nullish(),
      /** What the caller declared; null when it declared nothing. */
      sha256: sha256.nullable(),
      /** With this part the file is whole: `totalBytes` long, and this is its hash when the caller declared one. */
      last: z.object({ totalBytes: bytes, sha256: sha256.nullable() }).nullable(),
    }),
    value: z.object({ sha256, storedBytes: bytes, ...uploadEnd }),
    changes: false,
    /** Ended by silence, not by this: a part on a slow line, waiting behind another, takes its time. */
    timeoutMs: 3_600_000,
  }),
  /** Which bytes of an upload are on disk, and what became of it. */
  "upload-state": operation({
    args: z.object({
      transferId: id,
      target: transferTarget,
      /** With both: a file of that name and content which is there already is complete. */
      totalBytes: bytes.nullish(),
      sha256: sha256.nullish(),
    }),
    value: z.object({
      storedBytes: bytes,
      ...uploadEnd,
      complete: uploadEnd.complete.optional(),
      problem: problemSchema.nullish(),
      /** Another file has that name, and this one would take its place. */
      nameTaken: z.boolean().optional(),
    }),
    changes: false,
    /** A file that may be there already is hashed first. */
    timeoutMs: 120_000,
  }),
  /** What is in a dataset, for who uploads to it. */
  "dataset-files": operation({
    args: z.object({ dataset: name, limit: z.int().min(1).max(limits.datasetFilesShown) }),
    value: z.object({
      images: z.int().min(0),
      captions: z.int().min(0),
      files: z.array(z.object({ name: z.string(), bytes })),
      truncated: z.boolean(),
    }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
} as const;
