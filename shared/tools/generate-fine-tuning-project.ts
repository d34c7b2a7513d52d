import { z } from "zod";
import { datasetFormats, hubModelId, modelTypes, quantizations } from "../llm/project-config.ts";
import { limits } from "../limits.ts";
import { defineTool } from "./define-tool.ts";
import { agent } from "./vocabulary.ts";

const iterations = (standard: number) => z.int().min(1).max(limits.llmIterations).default(standard);
const rate = (standard: number) => z.number().gt(0).max(1).default(standard);
const field = z.string().min(1).max(100);
const on = z.boolean().default(true);
const text = z.string().min(1).max(300).optional();

export const generateFineTuningProject = defineTool({
  name: "generate-fine-tuning-project",
  title: "Generate fine-tuning project",
  description:
    "Writes a Python project on the box that fine-tunes a language model with LoRA, in one stage or two. Next: configure-training-run.",
  input: z.strictObject({
    project_name: z.string().min(1).max(limits.nameCharacters),
    output_dir: z.string().min(1).max(1_000).optional().describe("Folder below projects."),
    base_model: z.strictObject({
      type: z.enum(modelTypes),
      model_id: hubModelId.describe("Hugging Face id."),
      local_path: z.string().min(1).max(1_000).optional().describe("Folder of the box instead."),
      quantization: z
        .enum(quantizations)
        .optional()
        .describe("q4, q8 need CUDA. Default: q4 where it can run."),
    }),
    training: z
      .strictObject({
        num_stages: z.literal([1, 2]).default(1),
        stage1_iterations: iterations(100),
        stage2_iterations: iterations(150),
        learning_rate: rate(2e-5),
        stage2_learning_rate: rate(1e-6),
        batch_size: z.int().min(1).max(512).default(4),
        quality_weight_multiplier: z.number().min(1).max(100).default(2.5),
      })
      .prefault({}),
    lora: z
      .strictObject({
        rank: z.int().min(1).max(1_024).default(8),
        alpha: z.int().min(1).max(4_096).default(16),
        dropout: z.number().min(0).lt(1).default(0.05),
        target_modules: z
          .array(z.string().min(1).max(100))
          .min(1)
          .max(64)
          .default(["q_proj", "v_proj"]),
      })
      .prefault({}),
    dataset: z
      .strictObject({
        format: z.enum(datasetFormats).default("jsonl"),
        quality_field: field.optional(),
        instruction_field: field.default("instruction"),
        output_field: field.default("output"),
        metadata_field: field.default("metadata"),
      })
      .prefault({}),
    features: z
      .strictObject({
        enable_mlx_optimization: on,
        enable_quality_weighting: on,
        enable_carbontracking: on,
        enable_huggingface_upload: z.boolean().default(false),
        enable_evaluation: on,
      })
      .prefault({}),
    integrations: z
      .strictObject({
        mlflow_tracking_uri: text,
        codecarbon_project_name: text,
        wandb_project: text,
      })
      .prefault({}),
    agent,
  }),
  output: z.object({
    success: z.boolean(),
    project_path: z.string(),
    project: z.string().describe("The same below projects; either names it in other calls."),
    project_structure: z.object({
      config_file: z.string(),
      trainer_modules: z.array(z.string()),
      scripts: z.array(z.string()),
      requirements_file: z.string(),
    }),
    next_steps: z.array(z.string()),
    command_examples: z.object({ train: z.string(), evaluate: z.string(), export: z.string() }),
    created: z.boolean().describe("False: the very same project was there."),
    warnings: z.array(z.string()),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "agent",
  core: false,
  llm: "only",
});
