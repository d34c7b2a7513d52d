type Args = Readonly<Record<string, unknown>>;
/** What a filled box holds, by the names that calls use. */
export interface Filled {
  readonly job: string;
  readonly other: string;
}

export interface Union {
  /** Which of the earlier systems had it; docs/migrate.md has the letters. */
  readonly of: "S0" | "S2" | "S2 S3" | "S3" | "S4";
  /** Calls as those systems documented them; the first is also made on an empty box. */
  readonly calls: (box: Filled) => readonly [Args, ...Args[]];
  /** What an empty box may answer beside its own success. */
  readonly empty?: readonly string[];
}

const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const draft = {
  name: "new",
  model_name: "ostris/Flex.1-alpha",
  dataset_path: "/ai-toolkit/datasets/cats",
  // Each call is made in two spellings.
  overwrite: true,
};
const raw = {
  config: {
    name: "raw-check",
    process: [
      {
        model: { name_or_path: "ostris/Flex.1-alpha", arch: "flex1", low_vram: true },
        datasets: [{ folder_path: "/ai-toolkit/datasets/my-dataset", resolution: [1024] }],
        train: { batch_size: 1, steps: 1500, lr: 0.0002 },
        network: { linear: 16, linear_alpha: 16 },
      },
    ],
  },
};
const noJob = ["JOB_NOT_FOUND"];
const noBox = ["AGENT_OFFLINE"];
const noRun = [...noBox, "RUN_NOT_FOUND"];
const noConfig = ["CONFIG_NOT_FOUND"];
const onJob = (box: Filled): readonly [Args] => [{ job_id: box.job }];

/** The 39 callable names of the earlier systems with calls as they documented them. */
export const union: Readonly<Record<string, Union>> = {
  "create-training-config": {
    of: "S2 S3",
    calls: () => [
      draft,
      {
        ...draft,
        resolution: 512,
        batch_size: 1,
        learning_rate: 0.0002,
        steps: 1000,
        rank: 16,
        alpha: 16,
        use_wandb: false,
        low_vram: true,
        trigger_word: "zxq",
        test_prompts: ["a zxq"],
        disable_sampling: false,
      },
      {
        name: "new",
        dataset_path: "cats",
        model_name: "stable-diffusion-v1-5",
        resolution: [512, 768],
        lr: 0.0001,
        optimizer: "adamw",
        noise_scheduler: "ddpm",
        prompts: ["a cat"],
        is_flux: false,
        is_xl: false,
        is_v3: false,
        quantize: false,
        gradient_checkpointing: true,
        cache_latents: true,
        caption_dropout_rate: 0.05,
        overwrite: true,
      },
    ],
  },
  "validate-training-config": {
    of: "S2",
    calls: () => [
      { model_name: "ostris/Flex.1-alpha", dataset_path: "cats" },
      { config_name: "cats", check_dataset: true, max_dataset_files: 2000 },
      { config: raw },
      { config: JSON.stringify(raw) },
    ],
  },
  "recommend-training-plan": {
    of: "S2",
    calls: () => [
      {},
      { goal: "flux style", base_model: "ostris/Flex.1-alpha", dataset_path: "cats" },
      {
        config_name: "cats",
        time_budget_minutes: 60,
        target_vram_gb: 24,
        include_dataset_scan: true,
      },
    ],
  },
  "run-training-with-guardrails": {
    of: "S2",
    calls: () => [
      { config_name: "cats", monitor_seconds: 0 },
      {
        config_name: "cats",
        monitor_seconds: 0,
        poll_interval_seconds: 10,
        stop_on_nan: true,
        log_lines: 400,
      },
    ],
    empty: noConfig,
  },
  "watch-training-timeseries": {
    of: "S2",
    calls: (box) => [
      { job_id: box.job, duration_seconds: 0, include_system: true, include_alerts: true },
    ],
    empty: noJob,
  },
  "compare-training-runs": {
    of: "S2",
    calls: (box) => [{}, { job_ids: [box.job, box.other], log_lines: 800 }],
    empty: ["NOTHING_TO_COMPARE"],
  },
  "evaluate-lora": {
    of: "S2",
    calls: (box) => [
      { job_id: box.job },
      { job_id: box.job, pass_threshold: 70, rubric_weights: { speed: 1 } },
    ],
    empty: noJob,
  },
  "suggest-next-experiment": { of: "S2", calls: (box) => [{}, { job_id: box.job }] },
  "auto-improve-dataset": {
    of: "S2",
    calls: () => [{ dataset_path: "cats" }, { config_name: "cats", apply: false }],
    empty: noBox,
  },
  "export-observability-report": {
    of: "S2",
    calls: (box) => [
      { job_id: box.job },
      { job_id: box.job, output_dir: "reports", filename_prefix: "o" },
    ],
    empty: noJob,
  },
  "alert-routing": {
    of: "S2",
    calls: (box) => [
      { alerts: [{ severity: "critical", category: "training", message: "NaN" }], dry_run: true },
      { job_id: box.job, sink: "file", min_severity: "warning", dry_run: true },
    ],
    empty: noBox,
  },
  "list-configs": { of: "S2 S3", calls: () => [{}] },
  "get-config": { of: "S2 S3", calls: () => [{ name: "cats" }], empty: noConfig },
  "get-training-info": { of: "S2 S3", calls: () => [{}, { name: "cats" }] },
  "upload-dataset": {
    of: "S2 S3",
    calls: () => [
      { dataset_name: "cats", images: [{ filename: "a.png", content: png, caption: "a cat" }] },
      { dataset_name: "cats", images: [{ filename: "b.png", data: png, caption: "a cat" }] },
    ],
    empty: noBox,
  },
  "list-datasets": { of: "S2 S3", calls: () => [{}], empty: noBox },
  "list-comfyui-models": {
    of: "S2",
    calls: () => [{}, { query: "flux", limit: 50 }],
    empty: noBox,
  },
  "start-training": {
    of: "S2 S3",
    calls: () => [{ config_name: "cats" }, { config_name: "cats" }],
    empty: noConfig,
  },
  "get-training-status": { of: "S2 S3", calls: onJob, empty: noJob },
  "stop-training": { of: "S2 S3", calls: (box) => [{ job_id: box.other }], empty: noJob },
  "list-training-jobs": { of: "S2 S3", calls: () => [{}] },
  "export-model": {
    of: "S2 S3",
    calls: (box) => [{ job_id: box.job, format: "safetensors" }, { model_name: "cats" }],
    empty: noJob,
  },
  "list-exported-models": { of: "S2 S3", calls: () => [{}], empty: noBox },
  "download-model": {
    of: "S2 S3",
    calls: (box) => [
      { job_id: box.job },
      { model_path: "cats/cats.safetensors", include_metadata: true },
      { model_name: "cats", encoding: "base64" },
      { model_name: "cats", encoding: "raw" },
    ],
    empty: noJob,
  },
  "get-system-stats": { of: "S2 S3", calls: () => [{}], empty: noBox },
  "get-training-observability": {
    of: "S2",
    calls: (box) => [
      { job_id: box.job },
      { job_id: box.job, lines: 500, include_baseline_comparison: true },
    ],
    empty: noJob,
  },
  "get-training-logs": {
    of: "S2 S3",
    calls: (box) => [
      { job_id: box.job },
      { job_id: box.job, lines: 0 },
      { job_id: box.job, lines: -1 },
    ],
    empty: noJob,
  },
  "delete-config": { of: "S3", calls: () => [{ name: "spare" }], empty: noConfig },
  "delete-dataset": { of: "S3", calls: () => [{ name: "cats" }], empty: noBox },
  "delete-model": { of: "S3", calls: () => [{ name: "cats" }], empty: noBox },
  "validate-config": { of: "S3", calls: () => [{ name: "cats" }], empty: noConfig },
  "get-dataset-info": { of: "S3", calls: () => [{ name: "cats" }], empty: noBox },
  "list-model-presets": { of: "S3", calls: () => [{}] },
  "generate-fine-tuning-project": {
    of: "S4",
    calls: () => [
      {
        project_name: "p",
        output_dir: "projects",
        base_model: { type: "llama", model_id: "meta-llama/Llama-3.2-1B", quantization: "none" },
      },
    ],
    empty: noBox,
  },
  "configure-training-run": {
    of: "S4",
    calls: () => [
      {
        project_path: "projects/health",
        run_name: "r",
        training_data: { train_dataset: "train.jsonl", validation_dataset: "valid.jsonl" },
      },
    ],
    empty: noBox,
  },
  "monitor-training-progress": {
    of: "S4",
    calls: () => [{ project_path: "projects/health", run_id: "r" }],
    empty: noRun,
  },
  "evaluate-model": {
    of: "S4",
    calls: () => [
      { project_path: "projects/health", run_id: "r", test_dataset: "test.jsonl", stage: 1 },
    ],
    empty: noRun,
  },
  "export-report": { of: "S0", calls: onJob, empty: noJob },
  "route-alerts": {
    of: "S0",
    calls: (box) => [{ job_id: box.job, sink: "file", dry_run: true }],
    empty: noJob,
  },
};
