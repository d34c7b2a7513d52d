import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, count, jobId, maybe, nameOrPath } from "./vocabulary.ts";

export const exportModel = defineTool({
  name: "export-model",
  title: "Export model",
  description:
    "Copies a finished model, verified by hash, into the box's ComfyUI loras folder, or to output_path; overwrite replaces another file there. To fetch it use create-download-link.",
  input: z.strictObject({
    job_id: jobId.optional(),
    model_name: nameOrPath.optional(),
    model_path: z.string().min(1).max(1_000).optional(),
    format: z.enum(["safetensors", "ckpt"]).default("safetensors"),
    output_path: z
      .string()
      .min(1)
      .max(1_000)
      .optional()
      .describe("File, or folder/: below outputs or in a ComfyUI folder."),
    overwrite: z.boolean().default(false),
    agent,
  }),
  output: z.object({
    status: z.literal("success"),
    path: z.string(),
    filename: z.string(),
    size: count,
    size_mb: z.number(),
    sha256: z.string(),
    format: z.literal("safetensors"),
    copied: z.boolean().describe("False: it lay there already."),
    source_path: z.string(),
    job_id: maybe(z.string()),
    note: maybe(z.string()),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "edge",
  core: false,
});
