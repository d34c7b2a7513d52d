import { AppError } from "@trainyard/shared/errors.ts";
import { exportLlmRun } from "./export-llm-run.ts";
import { changedSince, findModel } from "./box-file.ts";
import type { EdgeHandler } from "./context.ts";
import { size } from "./words.ts";

export const exportModel: EdgeHandler<"export-model"> = async (input, context) => {
  const { project_path, run_id } = input;
  if (project_path !== undefined) {
    if (run_id !== undefined) return exportLlmRun({ ...input, project_path, run_id }, context);
    throw new AppError("INVALID_ARGUMENT", "run_id is missing.", {
      hint: "Give project_path and run_id, both, for a run of a language-model project.",
      details: { field: "run_id" },
    });
  }
  if (input.format === "ckpt") {
    throw new AppError(
      "UNSAFE_MODEL_FORMAT",
      "A ckpt file is a pickle: whoever loads it runs what is in it. Models are exported as safetensors only.",
      {
        hint: "Leave format out. ComfyUI and every current trainer load safetensors.",
        details: { field: "format" },
      },
    );
  }
  // Alone it is what an earlier system called a job.
  const file = await findModel({ ...input, job_id: input.job_id ?? run_id }, context);
  const placed = await context.callAgent(file.agentId, "export-model", {
    source: file.source,
    outputPath: input.output_path ?? null,
    overwrite: input.overwrite,
  });
  const changed = changedSince(file, placed.sha256);
  const note = changed ?? (placed.place === "source" ? noFolder : null);
  return {
    data: {
      status: "success",
      path: placed.path,
      filename: placed.filename,
      size: placed.bytes,
      size_mb: Math.round(placed.bytes / 10_000) / 100,
      sha256: placed.sha256,
      format: "safetensors",
      copied: placed.copied,
      source_path: placed.sourcePath,
      job_id: file.jobId,
      note,
    },
    text: `${changed === null ? "" : `${changed} `}${sentences[placed.place](placed.copied, size(placed.bytes))}`,
  };
};

const noFolder =
  "No ComfyUI folder is configured on this box, so the model stays where the training left it.";

const sentences = {
  comfyui: (copied: boolean, bytes: string) =>
    `The model (${bytes}) ${copied ? "is now" : "lay already"} in ComfyUI's folder; its hash was verified. Refresh ComfyUI's model list to use it.`,
  outputs: (copied: boolean, bytes: string) =>
    `The model (${bytes}) ${copied ? "was copied" : "lay already"} below the outputs; its hash was verified. Next: create-download-link with path as model_path.`,
  source: (_copied: boolean, bytes: string) =>
    `The model (${bytes}) is at path, verified. This box names no ComfyUI folder (COMFYUI_MODEL_ROOTS, or comfyui_roots in its policy.json), so nothing was copied. Next: create-download-link.`,
} as const;
