import { parseDatasetFolder, parseName } from "../names.ts";
import { isFluxArch } from "./families.ts";
import { presetCalled, presetForArch, presetOfModel } from "./presets/model-presets.ts";
import type { ModelPreset } from "./presets/preset.ts";

export type ConfigTrainer = "tiny" | "ai-toolkit" | "llm";

/** Our typed form of a training config; every value is decided, nothing is left to a trainer's default. */
export interface TrainingConfig {
  readonly name: string;
  readonly trainer: ConfigTrainer;
  readonly modelName: string;
  /** What the base model wants of everything that is not said here. */
  readonly preset: ModelPreset;
  readonly datasetName: string;
  /** Datasets with the control images of a model that is taught to edit. */
  readonly controlNames: readonly string[];
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
  readonly quantizeTextEncoder: boolean;
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
  readonly control_path?: string | readonly string[] | undefined;
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
  /** An entry of the presets, or one of the switches, wins over what the model's name tells. */
  readonly arch?: string | undefined;
  readonly is_flux?: boolean | undefined;
  readonly is_xl?: boolean | undefined;
  readonly is_v3?: boolean | undefined;
}

/** Fills in what the caller left out. Bounds are not judged here but by validateDocument, on every config alike. */
export function trainingConfigFromArguments(args: TrainingConfigArguments): TrainingConfig {
  const preset = presetFromArguments(args);
  const tiny = preset.key === "tiny";
  const steps = args.steps ?? 1000;
  const rank = args.rank ?? preset.rank ?? 16;
  const every = tiny ? Math.max(10, Math.round(steps / 5)) : Math.max(250, Math.floor(steps / 10));
  const resolution = resolutionOf(args.resolution) ?? [tiny ? 64 : 512];
  const triggerWord = args.trigger_word?.trim() || null;
  const controls = args.control_path ?? [];
  return {
    name: parseName("config", args.name),
    trainer: tiny ? "tiny" : "ai-toolkit",
    modelName: presetCalled(args.model_name)?.path ?? args.model_name,
    preset,
    datasetName: parseDatasetFolder(args.dataset_path),
    controlNames: (typeof controls === "string" ? [controls] : controls).map((path) =>
      parseDatasetFolder(path),
    ),
    resolution,
    sampleSize: sampleSizeOf(preset, resolution),
    batchSize: args.batch_size ?? 1,
    learningRate: args.learning_rate ?? preset.learningRate ?? 2e-4,
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
    noiseScheduler: args.noise_scheduler ?? preset.scheduler,
    quantize: args.quantize ?? preset.quantize,
    quantizeTextEncoder: args.quantize ?? preset.quantizeTextEncoder,
    gradientCheckpointing: args.gradient_checkpointing ?? !tiny,
    cacheLatents: args.cache_latents ?? preset.dataset["cache_latents_to_disk"] === true,
    captionDropoutRate: args.caption_dropout_rate ?? (tiny ? 0 : 0.05),
    seed: args.seed ?? 42,
    useWandb: args.use_wandb ?? false,
  };
}

function resolutionOf(given: number | readonly number[] | undefined): readonly number[] | null {
  if (typeof given === "number") return [given];
  return given === undefined || given.length === 0 ? null : [...given];
}

/** A model that draws small pictures is asked for them at the size it was trained at. */
function sampleSizeOf({ group, sampling }: ModelPreset, resolution: readonly number[]): number {
  return group === "image" && sampling.side < 1024 ? Math.max(...resolution) : sampling.side;
}

/** A name that tells nothing (a fine-tune in a local file) is most often SD 1.5; validation says when that is a guess. */
function presetFromArguments(args: TrainingConfigArguments): ModelPreset {
  const named = presetOfModel(args.model_name);
  if (named?.key === "tiny") return named;
  if (args.arch !== undefined) return presetForArch(args.arch);
  const switched = args.is_flux ? "flux" : args.is_xl ? "sdxl" : args.is_v3 ? "sd3" : null;
  // `is_flux` is said of everything that is built on Flux; the name knows better which.
  if (named !== null && switched === "flux" && isFluxArch(named.arch)) return named;
  return presetForArch(switched ?? named?.key ?? "sd15");
}
