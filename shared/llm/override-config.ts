import { AppError } from "../errors.ts";
import { nearestName } from "../tools/nearest-name.ts";
import { type ProjectConfig, projectConfigSchema } from "./project-config.ts";

type Path = readonly string[];
type Values = Readonly<Record<string, unknown>>;

/** The names that generate-fine-tuning-project gives them. */
const flat: ReadonlyMap<string, Path> = new Map<string, Path>([
  ["num_stages", ["training", "num_stages"]],
  ["stage1_iterations", ["training", "stage1", "iterations"]],
  ["stage2_iterations", ["training", "stage2", "iterations"]],
  ["learning_rate", ["training", "stage1", "learning_rate"]],
  ["stage2_learning_rate", ["training", "stage2", "learning_rate"]],
  ["replay_ratio", ["training", "stage2", "replay_ratio"]],
  ["quantization", ["base_model", "quantization"]],
  ["country_iso_code", ["carbon_tracking", "country_iso_code"]],
  ["metrics", ["evaluation", "metrics"]],
  ...[
    "quality_weight_multiplier",
    "quality_threshold",
    "save_steps",
    "save_total_limit",
    "eval_steps",
    "logging_steps",
    "max_length",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "seed",
  ].map((name) => [name, ["training", name]] as const),
  ...["rank", "alpha", "dropout", "target_modules"].map((name) => [name, ["lora", name]] as const),
]);
/** Of every stage. */
const ofStages: ReadonlySet<string> = new Set(["batch_size", "warmup_steps"]);
/** A run is a run of its project: what it is called and reads from is not a run's to say. */
const fixed: ReadonlySet<string> = new Set(["project", "mlflow", "wandb", "huggingface"]);

/**
 * The project's configuration with a run's own values: flat (`learning_rate`) or under their section (`training.stage1.learning_rate`),
 * as the file has it. Throws UNKNOWN_KEY, and INVALID_ARGUMENT by the name of the field.
 */
export function overrideConfig(config: ProjectConfig, overrides: Values): ProjectConfig {
  let document: unknown = config;
  for (const [key, value] of Object.entries(overrides)) {
    if (ofStages.has(key)) {
      for (const stage of ["stage1", "stage2"]) {
        if (stage === "stage2" && config.training.stage2 === undefined) continue;
        document = withValue(document, ["training", stage, key], value);
      }
      continue;
    }
    const path = flat.get(key) ?? [key];
    if (!flat.has(key) && (!Object.hasOwn(config, key) || fixed.has(key))) throw unknown(key);
    document = withValue(document, path, value);
  }
  return checkedConfig(withSecondStage(document as Values), "INVALID_ARGUMENT", "override_params.");
}

/** Throws with the first field that is wrong. */
export function checkedConfig(
  value: unknown,
  code: "INVALID_ARGUMENT" | "CONFIG_INVALID",
  prefix = "",
): ProjectConfig {
  const parsed = projectConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknownKey = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const field = [...(issue?.path ?? []), ...(unknownKey === undefined ? [] : [unknownKey])]
    .map(String)
    .join(".")
    .slice(0, 200);
  throw new AppError(
    unknownKey === undefined ? code : code === "CONFIG_INVALID" ? code : "UNKNOWN_KEY",
    `${prefix}${field} is ${unknownKey === undefined ? "not a value it can have" : "no setting"}.`,
    {
      hint:
        unknownKey === undefined
          ? `${issue?.message ?? "Check its type and bounds"}; docs/llm.md has every setting.`
          : "docs/llm.md has every setting.",
      details: { field: `${prefix}${field}` },
    },
  );
}

/** A second stage that the project does not have takes the document's defaults. */
function withSecondStage(document: Values): unknown {
  const training = document["training"];
  if (!isObject(training) || training["num_stages"] !== 2) return document;
  const stage1 = isObject(training["stage1"]) ? training["stage1"] : {};
  const stage2 = {
    iterations: 150,
    learning_rate: 1e-6,
    replay_ratio: 0.15,
    batch_size: stage1["batch_size"],
    ...(isObject(training["stage2"]) ? training["stage2"] : {}),
  };
  return { ...document, training: { ...training, stage2 } };
}

/** Sections are joined key by key; lists and values are replaced. */
function withValue(document: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) {
    if (!isObject(document) || !isObject(value)) return value;
    return Object.entries(value).reduce<unknown>(
      (whole, [name, part]) => withValue(whole, [name], part),
      document,
    );
  }
  const place = isObject(document) ? document : {};
  const before = Object.hasOwn(place, key) ? place[key] : undefined;
  return { ...place, [key]: withValue(before, rest, value) };
}

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknown(key: string): AppError {
  const names = [...flat.keys(), ...ofStages];
  const nearest = nearestName(key, names);
  return new AppError("UNKNOWN_KEY", `override_params has no ${key.slice(0, 60)}.`, {
    hint:
      nearest === null
        ? `It takes ${names.join(", ")}, and the sections of the project's config.`
        : `Did you mean ${nearest}?`,
    details: { field: `override_params.${key.slice(0, 60)}` },
  });
}
