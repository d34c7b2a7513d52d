import type { JsonObject } from "./ai-toolkit-document.ts";
import type { TrainingConfig } from "./training-config.ts";

/**
 * The whole document as AI Toolkit's own UI writes it when the model is chosen there (commit 27a03a91,
 * `ui/src/app/jobs/new`), with our values for what a caller decides. `tiny` reads the same one.
 */
export function toAiToolkitDocument(config: TrainingConfig): JsonObject {
  return {
    job: "extension",
    config: { name: config.name, process: [processOf(config)] },
    meta: { name: "[name]", version: "1.0" },
  };
}

function processOf(config: TrainingConfig): JsonObject {
  return {
    type: "diffusion_trainer",
    training_folder: "outputs",
    device: "cuda",
    trigger_word: config.triggerWord,
    performance_log_every: 10,
    network: networkOf(config),
    save: {
      dtype: "bf16",
      save_every: config.saveEvery,
      max_step_saves_to_keep: 4,
      save_format: "diffusers",
      push_to_hub: false,
    },
    datasets: [datasetOf(config)],
    train: trainOf(config),
    logging: {
      log_every: 1,
      use_ui_logger: true,
      ...(config.useWandb
        ? { use_wandb: true, project_name: `lora-training-${config.name}`, run_name: config.name }
        : {}),
    },
    model: modelOf(config),
    sample: sampleOf(config),
  };
}

function networkOf({ preset, rank, alpha }: TrainingConfig): JsonObject {
  return {
    type: "lora",
    linear: rank,
    linear_alpha: alpha,
    ...(preset.convolution
      ? {
          conv: Math.max(1, Math.floor(rank / 2)),
          conv_alpha: Math.max(1, Math.floor(alpha / 2)),
        }
      : {}),
    lokr_full_rank: true,
    lokr_factor: -1,
    network_kwargs: { ignore_if_contains: [...preset.ignoredLayers] },
    ...preset.network,
  };
}

function datasetOf(config: TrainingConfig): JsonObject {
  const { preset } = config;
  return {
    folder_path: `datasets/${config.datasetName}`,
    ...controlPathsOf(config),
    mask_path: null,
    mask_min_value: 0.1,
    default_caption: "",
    caption_ext: "txt",
    caption_dropout_rate: config.captionDropoutRate,
    is_reg: false,
    network_weight: 1,
    resolution: [...config.resolution],
    controls: [...preset.controls],
    shrink_video_to_frames: true,
    num_frames: 1,
    flip_x: false,
    flip_y: false,
    num_repeats: 1,
    ...preset.dataset,
    cache_latents_to_disk: config.cacheLatents,
  };
}

/** Folders with the pictures that an edit starts from, under the keys that the model's trainer reads. */
function controlPathsOf({ preset, controlNames }: TrainingConfig): JsonObject {
  const path = (at: number): string | null => {
    const name = controlNames[at];
    return name === undefined ? null : `datasets/${name}`;
  };
  if (preset.sections.includes("datasets.multi_control_paths")) {
    return { control_path_1: path(0), control_path_2: path(1), control_path_3: path(2) };
  }
  if (preset.sections.includes("datasets.control_path") || controlNames.length > 0) {
    return { control_path: path(0) };
  }
  return {};
}

function trainOf(config: TrainingConfig): JsonObject {
  const { preset } = config;
  return {
    batch_size: config.batchSize,
    bypass_guidance_embedding: preset.bypassGuidance,
    steps: config.steps,
    gradient_accumulation: 1,
    train_unet: true,
    train_text_encoder: false,
    gradient_checkpointing: config.gradientCheckpointing,
    noise_scheduler: config.noiseScheduler,
    optimizer: config.optimizer,
    timestep_type: preset.timestepType,
    content_or_style: "balanced",
    optimizer_params: { weight_decay: 1e-4 },
    unload_text_encoder: false,
    cache_text_embeddings: false,
    lr: config.learningRate,
    ema_config: { use_ema: false, ema_decay: 0.99 },
    skip_first_sample: false,
    force_first_sample: false,
    disable_sampling: config.disableSampling,
    dtype: "bf16",
    diff_output_preservation: false,
    diff_output_preservation_multiplier: 1,
    diff_output_preservation_class: "person",
    switch_boundary_every: 1,
    loss_type: "mse",
    ...preset.train,
  };
}

function modelOf(config: TrainingConfig): JsonObject {
  const { preset } = config;
  return {
    name_or_path: config.modelName,
    quantize: config.quantize,
    qtype: qtypeOf(config.quantize, preset.qtype),
    quantize_te: config.quantizeTextEncoder,
    qtype_te: qtypeOf(config.quantizeTextEncoder, preset.qtypeTextEncoder),
    arch: preset.arch,
    low_vram: config.lowVram,
    model_kwargs: {},
    compile: false,
    ...(preset.sections.includes("model.layer_offloading")
      ? {
          layer_offloading: false,
          layer_offloading_text_encoder_percent: 1,
          layer_offloading_transformer_percent: 1,
        }
      : {}),
    ...preset.model,
  };
}

/** An entry that is not quantised by itself has no type to quantise to. */
function qtypeOf(quantize: boolean, qtype: string): string {
  return quantize && qtype === "" ? "qfloat8" : qtype;
}

function sampleOf(config: TrainingConfig): JsonObject {
  const { preset } = config;
  const { sampling } = preset;
  return {
    // The sampler has to match the scheduler that the training adds its noise with.
    sampler: config.noiseScheduler === preset.scheduler ? preset.sampler : config.noiseScheduler,
    sample_every: config.sampleEvery,
    sample_start_step: 0,
    width: config.sampleSize,
    height: config.sampleSize,
    samples: config.testPrompts.map((prompt) => ({ prompt })),
    neg: sampling.negative,
    seed: config.seed,
    walk_seed: true,
    guidance_scale: sampling.guidanceScale,
    sample_steps: sampling.steps,
    num_frames: sampling.frames,
    fps: sampling.fps,
  };
}
