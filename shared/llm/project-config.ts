/** The configuration of a language-model project, as `config/fine_tuning_config.yaml` holds it. */
import { tableFormats } from "../dataset/file-kinds.ts";
import { z } from "zod";
import { limits } from "../limits.ts";

export const modelTypes = ["olmo", "llama", "mistral", "custom"] as const;
export const quantizations = ["q4", "q8", "none"] as const;
export const datasetFormats = tableFormats;
export const exportFormats = ["mlx", "gguf", "safetensors", "huggingface"] as const;
export type DatasetFormat = (typeof datasetFormats)[number];

const steps = z.int().min(1).max(limits.llmIterations);
const rate = z.number().gt(0).max(1);
const share = z.number().min(0).max(1);
const text = z.string().max(300);
/** A name on the Hub, never a path: loading takes a folder of that name for the model. */
export const hubModelId = z
  .string()
  .max(300)
  .regex(/^[A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)?$/, "must be a Hugging Face id: owner/name");
const nameOfField = z.string().min(1).max(100);

const stage = z.strictObject({
  iterations: steps,
  learning_rate: rate,
  batch_size: z.int().min(1).max(512),
  warmup_steps: z.int().min(0).max(limits.llmIterations).default(10),
  /** Share of a stage's rows that is drawn evenly from all, against forgetting. */
  replay_ratio: share.optional(),
});

export const projectConfigSchema = z.strictObject({
  project: z.strictObject({
    name: z.string().min(1).max(limits.nameCharacters),
    description: text.default(""),
    version: z.string().max(40).default("1.0.0"),
  }),
  base_model: z.strictObject({
    type: z.enum(modelTypes),
    model_id: hubModelId,
    local_path: z.string().min(1).max(1_000).nullable().default(null),
    quantization: z.enum(quantizations),
  }),
  training: z.strictObject({
    num_stages: z.literal([1, 2]),
    stage1: stage,
    stage2: stage.optional(),
    quality_weight_multiplier: z.number().min(1).max(100),
    quality_threshold: share.default(0.7),
    save_steps: steps.default(50),
    save_total_limit: z.int().min(1).max(1_000).default(3),
    eval_steps: steps.default(25),
    logging_steps: steps.default(1),
    max_length: z.int().min(16).max(1_048_576).default(1_024),
    gradient_accumulation_steps: z.int().min(1).max(1_024).default(1),
    gradient_checkpointing: z.boolean().default(true),
    seed: z.int().min(0).max(2_147_483_647).default(42),
  }),
  lora: z.strictObject({
    rank: z.int().min(1).max(1_024),
    alpha: z.int().min(1).max(4_096),
    dropout: z.number().min(0).lt(1),
    target_modules: z.array(z.string().min(1).max(100)).min(1).max(64),
  }),
  dataset: z.strictObject({
    format: z.enum(datasetFormats),
    quality_field: nameOfField.nullable().default(null),
    instruction_field: nameOfField,
    output_field: nameOfField,
    metadata_field: nameOfField.nullable().default(null),
    train_split: share.default(0.8),
    validation_split: share.default(0.1),
    test_split: share.default(0.1),
  }),
  features: z.strictObject({
    enable_mlx_optimization: z.boolean(),
    enable_quality_weighting: z.boolean(),
    enable_carbontracking: z.boolean(),
    enable_huggingface_upload: z.boolean(),
    enable_evaluation: z.boolean(),
  }),
  mlx: z.strictObject({ enabled: z.boolean() }),
  carbon_tracking: z.strictObject({
    enabled: z.boolean(),
    project_name: text.nullable().default(null),
    /** Three letters; without it no emissions can be told. */
    country_iso_code: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .nullable()
      .default(null),
  }),
  mlflow: z.strictObject({
    enabled: z.boolean(),
    tracking_uri: text.nullable().default(null),
    experiment_name: text.nullable().default(null),
  }),
  wandb: z.strictObject({ enabled: z.boolean(), project: text.nullable().default(null) }),
  huggingface: z.strictObject({ enabled: z.boolean(), private_repos: z.boolean().default(true) }),
  evaluation: z.strictObject({
    enabled: z.boolean(),
    metrics: z.array(z.string().min(1).max(40)).max(20).default(["perplexity", "accuracy"]),
    stage1_threshold: share.default(0.7),
    stage2_threshold: share.default(0.7),
    max_generated: z.int().min(1).max(100_000).default(50),
    max_new_tokens: z.int().min(1).max(8_192).default(128),
  }),
});
export type ProjectConfig = z.output<typeof projectConfigSchema>;

/** What generate-fine-tuning-project takes, its defaults filled in. */
export interface ProjectWish {
  readonly project_name: string;
  readonly base_model: {
    readonly type: (typeof modelTypes)[number];
    readonly model_id: string;
    readonly local_path?: string | undefined;
    readonly quantization?: (typeof quantizations)[number] | undefined;
  };
  readonly training: {
    readonly num_stages: 1 | 2;
    readonly stage1_iterations: number;
    readonly stage2_iterations: number;
    readonly learning_rate: number;
    readonly stage2_learning_rate: number;
    readonly batch_size: number;
    readonly quality_weight_multiplier: number;
  };
  readonly lora: ProjectConfig["lora"];
  readonly dataset: {
    readonly format: DatasetFormat;
    readonly quality_field?: string | undefined;
    readonly instruction_field: string;
    readonly output_field: string;
    readonly metadata_field: string;
  };
  readonly features: ProjectConfig["features"];
  readonly integrations: {
    readonly mlflow_tracking_uri?: string | undefined;
    readonly codecarbon_project_name?: string | undefined;
    readonly wandb_project?: string | undefined;
  };
}

/** `quantization` is what the box can do where the caller does not say. */
export function projectConfigOf(
  wish: ProjectWish,
  quantization: (typeof quantizations)[number],
): ProjectConfig {
  const { training, features, integrations } = wish;
  const stageOf = (iterations: number, learning_rate: number) => ({
    iterations,
    learning_rate,
    batch_size: training.batch_size,
  });
  return projectConfigSchema.parse({
    project: { name: wish.project_name },
    base_model: { ...wish.base_model, quantization },
    training: {
      num_stages: training.num_stages,
      stage1: stageOf(training.stage1_iterations, training.learning_rate),
      ...(training.num_stages === 2
        ? {
            stage2: {
              ...stageOf(training.stage2_iterations, training.stage2_learning_rate),
              replay_ratio: 0.15,
            },
          }
        : {}),
      quality_weight_multiplier: training.quality_weight_multiplier,
    },
    lora: wish.lora,
    dataset: wish.dataset,
    features,
    mlx: { enabled: features.enable_mlx_optimization },
    carbon_tracking: {
      enabled: features.enable_carbontracking,
      project_name: integrations.codecarbon_project_name,
    },
    mlflow: {
      enabled: integrations.mlflow_tracking_uri !== undefined,
      tracking_uri: integrations.mlflow_tracking_uri,
    },
    wandb: {
      enabled: integrations.wandb_project !== undefined,
      project: integrations.wandb_project,
    },
    huggingface: { enabled: features.enable_huggingface_upload },
    evaluation: { enabled: features.enable_evaluation },
  });
}

/** The stages that a run of this configuration trains, with their steps; `stage` picks one. */
export function stagesOf(
  { training }: Pick<ProjectConfig, "training">,
  wanted: 1 | 2 | null = null,
): readonly { readonly stage: 1 | 2; readonly iterations: number }[] {
  const all = [
    { stage: 1 as const, iterations: training.stage1.iterations },
    ...(training.num_stages === 2 && training.stage2 !== undefined
      ? [{ stage: 2 as const, iterations: training.stage2.iterations }]
      : []),
  ];
  return wanted === null ? all : all.filter(({ stage }) => stage === wanted);
}
