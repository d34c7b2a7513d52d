import { z } from "zod";
import { bytes, id, operation, sha256 } from "./operation.ts";

/** A part that the box posts ends with its own SHA-256 where `x-part-bytes` says that the rest is shorter than the body. */
export const partHashBytes = 32;

/** What a link may read on the box. The agent resolves it inside its own roots. */
export const fileSourceSchema = z.discriminatedUnion("kind", [
  /** Segments below the outputs root. */
  z.object({
    kind: z.literal("output"),
    segments: z.array(z.string().min(1).max(255)).min(1).max(8),
  }),
  z.object({
    kind: z.literal("log"),
    jobId: id,
    attempt: z.int().min(1),
    stream: z.enum(["stdout", "stderr"]),
  }),
  /** A contact sheet that was made of a job's samples. */
  z.object({
    kind: z.literal("sheet"),
    jobId: id,
    name: z.string().regex(/^[0-9a-f]{16}\.jpg$/),
  }),
]);
export type FileSource = z.infer<typeof fileSourceSchema>;

export const fileOperations = {
  "describe-file": operation({
    args: z.object({ source: fileSourceSchema, hash: z.boolean() }),
    value: z.object({
      filename: z.string(),
      path: z.string(),
      bytes,
      sha256: sha256.nullable(),
      mediaType: z.string(),
      modifiedAtMs: z.number(),
      metadata: z.record(z.string(), z.string()).nullable(),
      /** A file beside the model; missing or null: its own header. */
      metadataSource: z.string().nullish(),
    }),
    changes: false,
    /** Hashing some gigabytes takes a while. */
    timeoutMs: 120_000,
  }),
  /** The box posts a range of a file to the Transfer in parts; answers when the last one is taken. */
  "send-file": operation({
    args: z.object({
      transferId: id,
      ticket: id,
      source: fileSourceSchema,
      start: bytes,
      end: bytes,
      partBytes: z.int().min(1),
    }),
    value: z.object({ sentBytes: bytes }),
    changes: false,
    timeoutMs: 24 * 3_600_000,
  }),
  /** A verified copy of a model to where ComfyUI finds it, or below the outputs; the model's own place where neither is said. */
  "export-model": operation({
    args: z.object({
      source: fileSourceSchema,
      outputPath: z.string().min(1).max(1_000).nullable(),
      overwrite: z.boolean(),
    }),
    value: z.object({
      path: z.string(),
      filename: z.string(),
      bytes,
      sha256,
      /** False: it lay there already. */
      copied: z.boolean(),
      place: z.enum(["comfyui", "outputs", "source"]),
      sourcePath: z.string(),
    }),
    changes: true,
    /** Some gigabytes to a slow disk; a caller waits less and calls again. */
    timeoutMs: 600_000,
  }),
} as const;
