import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import {
  agent,
  count,
  detail,
  expiresInSeconds,
  instant,
  jobId,
  jsonDocument,
  maybe,
  nameOrPath,
} from "./vocabulary.ts";

export const downloadModel = defineTool({
  name: "download-model",
  title: "Download model",
  description:
    "Returns a model's facts (hash, metadata, training config) and a download link; over HTTP small files also inline. Changes nothing.",
  input: z.strictObject({
    job_id: jobId.optional(),
    model_path: z.string().min(1).max(1_000).optional(),
    model_name: nameOrPath.optional(),
    include_metadata: z.boolean().default(true),
    encoding: z.enum(["base64", "raw"]).default("base64").describe("raw: no inline content."),
    expires_in_seconds: expiresInSeconds,
    agent,
    detail,
  }),
  output: z.object({
    status: z.literal("success"),
    model: z.string(),
    filename: z.string(),
    path: z.string(),
    size: count,
    size_mb: maybe(z.number()),
    sha256: z.string(),
    job_id: maybe(z.string()),
    content: z.string().optional(),
    /** What the tool by name called `content`. */
    data: z.string().optional(),
    encoding: z.enum(["base64", "raw"]),
    download_url: z.string(),
    expires_at: instant,
    metadata: maybe(jsonDocument),
    metadata_source: maybe(z.string()),
    training_config: maybe(jsonDocument),
    note: maybe(z.string()),
  }),
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "read",
  runsOn: "edge",
  core: false,
});
