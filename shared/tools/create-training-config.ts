import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { configInput, count, detail, finding, jsonDocument, nameOrPath } from "./vocabulary.ts";

const side = z.int().min(64).max(8_192);

export const createTrainingConfig = defineTool({
  name: "create-training-config",
  title: "Create training config",
  description:
    "Saves a LoRA training config under a name to start it by, with findings about risky values. Replaces a different config only with overwrite.",
  input: z.strictObject({
    name: nameOrPath.describe("Names config, job and model file."),
    config: configInput
      .optional()
      .describe("A whole document (object, JSON, YAML) in place of all below."),
    model_name: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .describe(
        'Hugging Face id, file or path on the box, name of a preset, or "tiny" for the built-in CPU trainer.',
      ),
    arch: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe(
        "From list-model-presets, where the name does not tell; likewise is_flux, is_xl, is_v3.",
      ),
    dataset_path: nameOrPath.optional().describe("Dataset name or path."),
    control_path: z
      .union([nameOrPath, z.array(nameOrPath).max(3)])
      .optional()
      .describe("Datasets with the control images of an edit model."),
    resolution: z
      .union([side, z.array(side).min(1).max(16)])
      .default(512)
      .describe("tiny: 64."),
    batch_size: z.int().min(1).max(256).default(1),
    learning_rate: z.number().gt(0).max(10).default(0.0002).describe("tiny: 0.0001."),
    steps: z.int().min(1).max(10_000_000).default(1_000),
    rank: z.int().min(1).max(4_096).default(16).describe("tiny: 32."),
    alpha: z.number().gt(0).max(65_536).default(16).describe("tiny: 32."),
    trigger_word: z.string().max(200).optional(),
    test_prompts: z
      .array(z.string().max(2_000))
      .max(64)
      .optional()
      .describe("Put the trigger word in them."),
    disable_sampling: z.boolean().default(false),
    sample_every: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe("Steps; default steps/10, at least 250."),
    save_every: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe("Steps; default as sample_every."),
    seed: z.int().min(0).max(4_294_967_295).optional(),
    low_vram: z.boolean().default(true),
    quantize: z.boolean().optional(),
    optimizer: z.enum(["adamw", "adamw8bit", "prodigy", "lion", "adafactor"]).optional(),
    noise_scheduler: z.enum(["ddpm", "ddim", "flowmatch", "euler", "euler_a"]).optional(),
    gradient_checkpointing: z.boolean().optional(),
    cache_latents: z.boolean().optional(),
    caption_dropout_rate: z.number().min(0).max(1).optional(),
    is_flux: z.boolean().optional(),
    is_xl: z.boolean().optional(),
    is_v3: z.boolean().optional(),
    use_wandb: z.boolean().default(false),
    overwrite: z.boolean().default(false),
    detail,
  }),
  output: z.object({
    status: z.literal("success"),
    config_name: z.string(),
    path: z.string().describe(`Virtual: "config/<name>.yaml".`),
    created: z.boolean(),
    overwritten: z.boolean(),
    trainer: z.string(),
    model: z.object({
      requested: z.string().nullable(),
      resolved: z.string().nullable(),
      source: z.string().nullable(),
    }),
    dataset_path: z.string().nullable(),
    steps: count.nullable(),
    rank: count.nullable(),
    learning_rate: z.number().nullable(),
    resolution: z.array(count),
    config: jsonDocument.optional().describe("The whole document."),
    findings: z.array(finding),
  }),
  /** `overwrite` replaces a saved document. */
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "edge",
  core: true,
});
