/** Other names of parameters, keyed by the tool: the same word means different things in different tools. */
import { canonicalJson } from "../canonical-json.ts";
import { AppError } from "../errors.ts";
import { findTool } from "./registry.ts";

type Names = Readonly<Record<string, string>>;

const job: Names = { id: "job_id", job: "job_id", run_id: "job_id", training_id: "job_id" };
/** Its run_id is that of a language-model run; alone it still means a job. */
const exported: Names = { id: "job_id", job: "job_id", training_id: "job_id" };
const baseModel: Names = {
  model: "model_name",
  base_model: "model_name",
  name_or_path: "model_name",
  model_path: "model_name",
  dataset: "dataset_path",
  dataset_name: "dataset_path",
  folder_path: "dataset_path",
  lr: "learning_rate",
  num_steps: "steps",
  max_train_steps: "steps",
  lora_rank: "rank",
  lora_alpha: "alpha",
  trigger: "trigger_word",
  prompts: "test_prompts",
  sample_prompts: "test_prompts",
};
const config: Names = { config: "config_name", name: "config_name" };
const dataset: Names = { name: "dataset_name", dataset: "dataset_name" };
const datasetPath: Names = {
  name: "dataset_path",
  dataset: "dataset_path",
  dataset_name: "dataset_path",
  folder_path: "dataset_path",
  path: "dataset_path",
};
const bucketsFor: Names = {
  trigger: "trigger_word",
  resolutions: "resolution",
  model_arch: "arch",
  max_files: "max_dataset_files",
};
const link: Names = { expires_in: "expires_in_seconds" };
const model: Names = { path: "model_path", name: "model_name", model: "model_name" };
const modelPath: Names = { path: "model_path", name: "model_path", model_name: "model_path" };

const alertPlace: Names = {
  url: "destination",
  webhook_url: "destination",
  type: "sink",
  severity: "min_severity",
};

const several: Names = { ids: "job_ids", jobs: "job_ids", run_ids: "job_ids" };
const judged: Names = { ...job, threshold: "pass_threshold" };

const table: Readonly<Record<string, Names>> = {
  "alert-routing": { ...job, ...alertPlace, alert: "alerts" },
  "analyze-dataset": { ...datasetPath, ...bucketsFor, config: "config_name" },
  "auto-improve-dataset": {
    ...datasetPath,
    config: "config_name",
    trigger: "trigger_word",
    max_files: "max_dataset_files",
  },
  "compare-training-runs": { ...several, lines: "log_lines" },
  "control-training": { ...job, command: "action", operation: "action" },
  "create-download-link": { ...link, ...model, id: "job_id", job: "job_id" },
  "create-training-config": { ...baseModel, config_name: "name" },
  "create-upload-link": { ...link, ...dataset, file_name: "filename" },
  "delete-dataset": datasetPath,
  "delete-model": modelPath,
  "delete-alert-route": { route: "name", route_name: "name" },
  "delete-config": { config_name: "name", config: "name" },
  "download-model": { ...link, ...model, id: "job_id", job: "job_id" },
  "edit-captions": {
    ...datasetPath,
    mode: "operation",
    action: "operation",
    value: "text",
    caption: "text",
    replacement: "text",
    search: "find",
    images: "files",
  },
  "evaluate-lora": { ...judged, lines: "log_lines", weights: "rubric_weights" },
  "export-model": { ...model, ...exported, output: "output_path", destination: "output_path" },
  "export-observability-report": {
    ...job,
    ...link,
    format: "formats",
    log_lines: "lines",
    output_path: "output_dir",
    prefix: "filename_prefix",
  },
  "get-config": { config_name: "name", config: "name" },
  "get-dataset-info": datasetPath,
  "get-training-info": { config_name: "name", config: "name" },
  "get-training-logs": {
    ...job,
    limit: "lines",
    tail: "lines",
    cursor: "since",
    pattern: "grep",
    query: "grep",
    search: "grep",
    step: "around",
  },
  "get-training-observability": { ...judged, log_lines: "lines", baselines: "baseline_job_ids" },
  "get-training-samples": { ...job, step: "steps", prompt: "prompts" },
  "get-training-status": job,
  "list-comfyui-models": { search: "query", filter: "query", name: "query" },
  "list-training-jobs": { states: "status", statuses: "status" },
  "recommend-training-plan": {
    ...config,
    base_model: "model_name",
    model: "model_name",
    dataset: "dataset_path",
    vram_gb: "target_vram_gb",
  },
  "resume-training": { ...job, total_steps: "steps" },
  "revoke-link": { link: "url", upload_url: "url", download_url: "url" },
  "run-training-with-guardrails": config,
  "set-alert-route": { ...job, ...alertPlace, id: "name", route: "name", route_name: "name" },
  "set-guardrails": job,
  "start-training": config,
  "stop-training": job,
  "test-alert-route": { route: "name", route_name: "name" },
  "suggest-next-experiment": { ...judged, ...several, lines: "log_lines" },
  "undo-dataset-change": { ...datasetPath, id: "change_id", change: "change_id" },
  "upload-dataset": { ...dataset, files: "images" },
  "validate-training-config": { ...baseModel, config_yaml: "config", yaml: "config" },
  "watch-training-timeseries": job,
  /** The older tool's `name` was the saved config's, not the draft's. */
  "validate-config": { name: "config_name" },
};

const byTool: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(
  Object.entries(table).map(([tool, names]) => [tool, new Map(Object.entries(names))]),
);

const everywhere: ReadonlyMap<string, string> = new Map([
  ["agent_id", "agent"],
  ["agent_name", "agent"],
]);

/** Own names of a called alias come first, then the tool's parameters, then the table. */
export function synonymsOf(tool: string): ReadonlyMap<string, string> {
  return byTool.get(tool) ?? new Map();
}

/** `batchSize` and `batch-size` are `batch_size`. */
function snakeCase(key: string): string {
  return key
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toLowerCase();
}

/**
 * Renames keys to the tool's own; unknown ones stay as they are, for the refusal to name them. `tool` may be any
 * spelling or alias that `findTool` knows.
 */
export function applySynonyms(
  tool: string,
  args: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const contract = findTool(tool);
  if (contract === null) return Object.fromEntries(Object.entries(args));
  const own = tool === contract.name ? undefined : byTool.get(tool.replaceAll("_", "-"));
  const known = (name: string) => Object.hasOwn(contract.input.shape, name);
  const names = synonymsOf(contract.name);
  const lookUp = (name: string): string | undefined => {
    const renamed = own?.get(name);
    if (renamed !== undefined) return renamed;
    if (known(name)) return name;
    const target = names.get(name) ?? everywhere.get(name);
    return target !== undefined && known(target) ? target : undefined;
  };

  const result = new Map<string, { value: unknown; spelling: string }>();
  for (const [spelling, value] of Object.entries(args)) {
    const name = lookUp(spelling) ?? lookUp(snakeCase(spelling)) ?? spelling;
    const before = result.get(name);
    if (before === undefined || before.value === undefined || before.value === null) {
      result.set(name, { value, spelling });
      continue;
    }
    if (value === undefined || value === null) continue;
    if (canonicalJson(before.value) !== canonicalJson(value)) {
      throw new AppError(
        "INVALID_ARGUMENT",
        `${before.spelling} and ${spelling} are the same parameter and have different values.`,
        { hint: `Give ${name} only.`, details: { field: name } },
      );
    }
  }
  /** fromEntries defines own properties: a `__proto__` key stays a plain, unknown key. */
  return Object.fromEntries([...result].map(([name, entry]) => [name, entry.value]));
}
