import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { exportFormats } from "../llm/project-config.ts";
import { hfRepoId, projectPath, runId, runStatus, stage } from "./llm-fields.ts";
import { agent, count, gpu, jobId, maybe, nameOrPath } from "./vocabulary.ts";

export const exportModel = defineTool({
  name: "export-model",
  title: "Export model",
  description:
    "Copies a finished model, verified by hash, into the box's ComfyUI loras folder, or to output_path; overwrite replaces another file there. Makes a run of a language-model project into a model to load, uploaded to Hugging Face where its box allows that. To fetch it use create-download-link.",
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
    project_path: projectPath.optional(),
    run_id: runId.optional(),
    stage: stage.optional().describe("Default: the last one trained."),
    export_format: z.enum(exportFormats).optional().describe("Default: safetensors."),
    export_path: z.string().min(1).max(1_000).optional().describe("Name below outputs."),
    merge_adapters: z.boolean().default(true).describe("Into the base model."),
    upload_to_huggingface: z.boolean().default(false),
    hf_repo_id: hfRepoId,
    gpu,
    agent,
  }),
  output: z.object({
    status: z.enum(["success", ...runStatus.options]),
    /** Null while an export runs. */
    path: z.string().nullable(),
    filename: z.string().nullable(),
    size: count.nullable(),
    size_mb: z.number().nullable(),
    sha256: z.string().nullable(),
    format: z.enum(exportFormats),
    copied: z.boolean().describe("False: it lay there already."),
    source_path: z.string().nullable(),
    job_id: maybe(z.string()),
    note: maybe(z.string()),
    success: z.boolean().optional(),
    export_path: maybe(z.string()),
    export_format: z.enum(exportFormats).optional(),
    model_size_mb: maybe(z.number()),
    huggingface_url: maybe(z.string()),
    usage_instructions: maybe(z.string()),
    files: z.array(z.object({ name: z.string(), bytes: count })).optional(),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: true,
  },
  scope: "train",
  runsOn: "edge",
  core: false,
  llm: {
    llm: {
      own: [
        "project_path",
        "run_id",
        "stage",
        "export_format",
        "export_path",
        "merge_adapters",
        "upload_to_huggingface",
        "hf_repo_id",
        "gpu",
      ],
      required: ["project_path", "run_id"],
    },
    pictures: {
      own: ["job_id", "model_name", "model_path", "format", "output_path", "overwrite"],
      required: [],
    },
  },
});
