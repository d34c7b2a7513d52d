import type { FailureCategory, LogOutcome } from "../log-report.ts";

/** The trainers whose way of printing is imitated. */
export const syntheticFormats = ["ai-toolkit", "hf-trainer", "sd-scripts", "mlx-lm"] as const;
export type SyntheticFormat = (typeof syntheticFormats)[number];

/** How far the run comes: before the model, while it loads, at the data, in a step, at a save, or to the end. */
export type Stage = "start" | "load" | "dataset" | "step" | "save" | "running" | "end";

export interface Scenario {
  readonly outcome: LogOutcome;
  readonly category: FailureCategory;
  readonly until: Stage;
  /** All of them unless told. */
  readonly formats?: readonly SyntheticFormat[];
  readonly summary: string;
}

const healthy = { outcome: "healthy", category: "none" } as const;
const pythonOnly = ["ai-toolkit", "hf-trainer", "sd-scripts"] as const;

const table = {
  healthy: { ...healthy, until: "running", summary: "still running, nothing wrong" },
  finished: { ...healthy, until: "end", summary: "ran to its end and saved" },
  resumed: {
    ...healthy,
    until: "end",
    formats: ["ai-toolkit", "hf-trainer"],
    summary: "went on from a checkpoint and finished",
  },
  slow: { ...healthy, until: "running", summary: "healthy, at some twenty seconds a step" },
  oom: failure("oom_gpu", "step", "the card's memory runs out in a step"),
  "oom-skipped": {
    outcome: "degraded",
    category: "oom_gpu",
    until: "end",
    formats: ["ai-toolkit"],
    summary: "batches are skipped for want of memory and the run goes on",
  },
  "oom-host": failure("oom_host", "step", "main memory runs out", pythonOnly),
  nan: {
    outcome: "degraded",
    category: "nan_loss",
    until: "end",
    summary: "the loss is not a number from half way on",
  },
  stall: {
    outcome: "degraded",
    category: "stalled",
    until: "load",
    summary: "the download of the model stands still",
  },
  gated: failure("auth_gated", "load", "the model's terms were not accepted"),
  "model-missing": failure("model_not_found", "load", "the model's folder is not there"),
  "dataset-missing": failure("dataset_missing", "dataset", "the dataset is not there"),
  "dataset-empty": failure("dataset_empty", "dataset", "the dataset holds nothing"),
  "dataset-corrupt": failure("dataset_corrupt", "dataset", "a picture or row is damaged", [
    "ai-toolkit",
    "sd-scripts",
  ]),
  config: failure("config_invalid", "start", "a setting is not one the trainer knows", pythonOnly),
  "unsupported-model": failure(
    "unsupported_model",
    "load",
    "the weights are another model's",
    pythonOnly,
  ),
  "dependency-missing": failure("dependency_missing", "start", "a package is not installed"),
  "dependency-mismatch": failure(
    "dependency_mismatch",
    "start",
    "a package has the wrong version",
    pythonOnly,
  ),
  cuda: failure("cuda_driver", "load", "there is no usable card", pythonOnly),
  "disk-full": failure("disk_full", "save", "the disk is full at a save"),
  network: failure("network", "load", "the hub cannot be reached"),
  permission: failure("permission", "save", "the output folder may not be written"),
  "io-error": failure("io_error", "load", "the weights' file is damaged", pythonOnly),
  distributed: failure("distributed", "start", "the processes do not find each other", pythonOnly),
  killed: failure("killed", "step", "a signal from outside ended it"),
  "dtype-shape": failure("dtype_shape", "step", "two tensors do not fit", pythonOnly),
  crash: failure("crash_native", "step", "native code crashed"),
  unknown: failure("unknown_exception", "step", "an exception nobody foresaw"),
} as const satisfies Readonly<Record<string, Scenario>>;

function failure(
  category: FailureCategory,
  until: Stage,
  summary: string,
  formats?: readonly SyntheticFormat[],
): Scenario {
  return { outcome: "failed", category, until, summary, ...(formats && { formats }) };
}

export type ScenarioName = keyof typeof table;

/** Every kind of log that can be written, and what a reader must find in it. */
export const syntheticScenarios: Readonly<Record<ScenarioName, Scenario>> = table;

export function formatsOf(name: ScenarioName): readonly SyntheticFormat[] {
  return syntheticScenarios[name].formats ?? syntheticFormats;
}
