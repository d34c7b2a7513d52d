import { fileSourceSchema } from "@trainyard/shared/protocol/operations/files.ts";
import { z } from "zod";

/** What the Worker, having checked the link, tells the Transfer. Travels in a header of the internal request. */
export const specHeader = "x-trainyard-transfer";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const uploadSpecSchema = z.object({
  owner: z.string(),
  agentId: z.string(),
  transferId: z.string(),
  dataset: z.string(),
  filename: z.string(),
  /** Of an archive: all of its files, or none. */
  strict: z.boolean().optional(),
  part: z.int().min(0),
  offset: z.int().min(0),
  bytes: z.int().min(0),
  /** Of the whole file: what is too large, or has no room, is refused with its first part. */
  totalBytes: z.int().min(0),
  sha256: sha256.nullable(),
  /** Set on the part that makes the file whole. */
  last: z.object({ totalBytes: z.int().min(0), sha256: sha256.nullable() }).nullable(),
  /** The link it came by, where that is for one time. */
  once: z.object({ nonce: z.string(), expiresAtMs: z.number() }).optional(),
});
export type UploadSpec = z.infer<typeof uploadSpecSchema>;

export const downloadSpecSchema = z.object({
  owner: z.string(),
  agentId: z.string(),
  transferId: z.string(),
  source: fileSourceSchema,
  start: z.int().min(0),
  /** Exclusive. */
  end: z.int().min(0),
  /** The link it came by; null when the edge itself reads. `usesUp`: with its last byte a link for one time is used. */
  link: z.object({ nonce: z.string(), expiresAtMs: z.number(), usesUp: z.boolean() }).nullable(),
});
export type DownloadSpec = z.infer<typeof downloadSpecSchema>;
