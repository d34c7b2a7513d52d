import { AppError } from "@trainyard/shared/errors.ts";
import { changedSince, findModel } from "./box-file.ts";
import type { EdgeHandler } from "./context.ts";
import { size } from "./words.ts";

export const exportModel: EdgeHandler<"export-model"> = async (input, context) => {
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
  const file = await findModel(input, context);
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
