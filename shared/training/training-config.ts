import { parseDatasetRef, parseName } from "../names.ts";
import { families, familyOfArch, familyOfModelName, type ModelFamily } from "./families.ts";

export type ConfigTrainer = "tiny" | "ai-toolkit";

/** Our typed form of a training config; every value is decided, nothing is left to a trainer's default. */
export interface TrainingConfig {
  readonly name: string;
  readonly trainer: ConfigTrainer;
  readonly modelName: string;
  /** AI Toolkit's `model.arch`. */
  readonly arch: string;
  readonly datasetName: string;
  readonly resolution: readonly number[];
  readonly sampleSize: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly steps: number;
  readonly rank: number;
  readonly alpha: number;
  readonly lowVram: boolean;
  readonly triggerWord: string | null;
  readonly testPrompts: readonly string[];
  readonly disableSampling: boolean;
  readonly sampleEvery: number;
  readonly saveEvery: number;
  readonly optimizer: string;
  readonly noiseScheduler: string;
  readonly quantize: boolean;
  readonly gradientCheckpointing: boolean;
  readonly cacheLatents: boolean;
  readonly captionDropoutRate: number;
  readonly seed: number;
  readonly useWandb: boolean;
}

/** The arguments of create-training-config, under their public names. */
export interface TrainingConfigArguments {
  readonly name: string;
  readonly model_name: string;
  readonly dataset_path: string;
  readonly resolution?: number | readonly number[] | undefined;
  readonly batch_size?: number | undefined;
  readonly learning_rate?: number | undefined;
  readonly steps?: number | undefined;
  readonly rank?: number | undefined;
  readonly alpha?: number | undefined;
  readonly low_vram?: boolean | undefined;
  readonly trigger_word?: string | null | undefined;
  readonly test_prompts?: readonly string[] | undefined;
  readonly disable_sampling?: boolean | undefined;
  readonly sample_every?: number | undefined;
  readonly save_every?: number | undefined;
  readonly optimizer?: string | undefined;
  readonly noise_scheduler?: string | undefined;
  readonly quantize?: boolean | undefined;
  readonly gradient_checkpointing?: boolean | undefined;
  readonly cache_latents?: boolean | undefined;
  readonly caption_dropout_rate?: number | undefined;
  readonly seed?: number | undefined;
  readonly use_wandb?: boolean | undefined;
  /** An explicit arch, or one of the switches, wins over what the model's name tells. */
  readonly arch?: string | undefined;
  readonly is_flux?: boolean | undefined;
  readonly is_xl?: boolean | undefined;
  readonly is_v3?: boolean | undefined;
}

/** Fills in what the caller left out. Bounds are not judged here but by validateDocument, on every config alike. */
export function trainingConfigFromArguments(args: TrainingConfigArguments): TrainingConfig {
  const family = familyFromArguments(args);
  const tiny = family.name === "tiny";
  const steps = args.steps ?? 1000;
  const rank = args.rank ?? (tiny ? 32 : 16);
  const every = tiny ? Math.max(10, Math.round(steps / 5)) : Math.max(250, Math.floor(steps / 10));
  const resolution =
    typeof args.resolution === "number"
      ? [args.resolution]
      : args.resolution?.length
        ? [...args.resolution]
        : [family.defaultResolution];
  const triggerWord = args.trigger_word?.trim() || null;
  return {
    name: parseName("config", args.name),
    trainer: tiny ? "tiny" : "ai-toolkit",
    modelName: tiny ? "tiny" : args.model_name,
    arch: args.arch ?? family.arch,
    datasetName: parseDatasetRef(args.dataset_path),
    resolution,
    sampleSize: family.sampleSize ?? Math.max(...resolution),
    batchSize: args.batch_size ?? 1,
    learningRate: args.learning_rate ?? (tiny ? 1e-4 : 2e-4),
    steps,
    rank,
    alpha: args.alpha ?? rank,
    lowVram: args.low_vram ?? !tiny,
    triggerWord,
    testPrompts: args.test_prompts?.length
      ? [...args.test_prompts]
      : triggerWord
        ? [triggerWord]
        : [],
    disableSampling: args.disable_sampling ?? false,
    sampleEvery: args.sample_every ?? every,
    saveEvery: args.save_every ?? every,
    optimizer: args.optimizer ?? (tiny ? "adam" : "adamw8bit"),
    noiseScheduler: args.noise_scheduler ?? family.noiseScheduler,
    quantize: args.quantize ?? family.quantize,
    gradientCheckpointing: args.gradient_checkpointing ?? !tiny,
    cacheLatents: args.cache_latents ?? false,
    captionDropoutRate: args.caption_dropout_rate ?? (tiny ? 0 : 0.05),
    seed: args.seed ?? 42,
    useWandb: args.use_wandb ?? false,
  };
}

/** A name that tells nothing (a fine-tune in a local file) is most often SD 1.5; validation says when that is a guess. */
function familyFromArguments(args: TrainingConfigArguments): ModelFamily {
  const named = familyOfModelName(args.model_name);
  if (named?.name === "tiny") return named;
  const switched = args.is_flux ? "flux" : args.is_xl ? "sdxl" : args.is_v3 ? "sd3" : null;
  // `is_flux` is said of Flex too; the name knows better which of the two.
  if (switched === "flux" && named?.name === "flex1") return named;
  if (switched !== null) return families[switched];
  return familyOfArch(args.arch ?? null) ?? named ?? families.sd15;
}
