import { familyOfModelName } from "./families.ts";
import type { ConfigTrainer } from "./training-config.ts";

/** A parsed JSON or YAML object; nothing about its inside is known. */
export type JsonObject = { readonly [key: string]: unknown };

/** What any such document says; null is "not said" or not readable as what it should be. */
export interface DocumentSummary {
  readonly jobName: string | null;
  readonly trainer: ConfigTrainer;
  /** Folder paths as they stand, of all processes. */
  readonly datasets: readonly string[];
  readonly modelName: string | null;
  readonly arch: string | null;
  readonly steps: number | null;
  readonly batchSize: number | null;
  readonly learningRate: number | null;
  readonly rank: number | null;
  readonly alpha: number | null;
  /** All resolutions of all datasets, ascending. */
  readonly resolution: readonly number[] | null;
  readonly lowVram: boolean | null;
  readonly triggerWord: string | null;
  readonly prompts: readonly string[];
  readonly saveEvery: number | null;
  readonly sampleEvery: number | null;
  readonly disableSampling: boolean | null;
  readonly optimizer: string | null;
  readonly seed: number | null;
  readonly sampleWidth: number | null;
  readonly sampleHeight: number | null;
}

/** Reads a whole document, one without `job`, or the bare inside of `config`. Never throws. */
export function readAiToolkitDocument(document: unknown): DocumentSummary {
  const config = configOf(document);
  const processes = processesOf(document);
  const [first = {}] = processes;
  const network = objectAt(first, "network");
  const train = objectAt(first, "train");
  const model = objectAt(first, "model");
  const sample = objectAt(first, "sample");
  const datasets = processes.flatMap(datasetsOf);
  const modelName = textAt(model, "name_or_path") ?? textAt(model, "name");
  const arch = textAt(model, "arch") ?? archFromSwitches(model);
  const resolution = datasets.flatMap((dataset) => resolutionsOf(dataset["resolution"]));
  return {
    jobName: textAt(config, "name"),
    trainer: trainerOf(document, modelName, arch),
    datasets: datasets.map(datasetPathOf).filter((path) => path !== null),
    modelName,
    arch,
    steps: numberAt(train, "steps"),
    batchSize: numberAt(train, "batch_size"),
    learningRate: numberAt(train, "lr") ?? numberAt(train, "learning_rate"),
    rank: numberAt(network, "linear") ?? numberAt(network, "rank"),
    alpha: numberAt(network, "linear_alpha") ?? numberAt(network, "alpha"),
    resolution: resolution.length === 0 ? null : [...new Set(resolution)].sort((a, b) => a - b),
    lowVram: booleanAt(model, "low_vram"),
    triggerWord: textAt(first, "trigger_word"),
    prompts: promptsOf(sample),
    saveEvery: numberAt(objectAt(first, "save"), "save_every"),
    sampleEvery: numberAt(sample, "sample_every"),
    disableSampling: booleanAt(train, "disable_sampling"),
    optimizer: textAt(train, "optimizer"),
    seed: numberAt(sample, "seed"),
    sampleWidth: numberAt(sample, "width"),
    sampleHeight: numberAt(sample, "height"),
  };
}

function trainerOf(
  document: unknown,
  modelName: string | null,
  arch: string | null,
): ConfigTrainer {
  if (isObject(document) && document["job"] === "llm") return "llm";
  return familyOfModelName(modelName ?? "") === "tiny" || arch === "tiny" ? "tiny" : "ai-toolkit";
}

/** The inside of `config`, or the document itself where it holds `process` at its top. */
export function configOf(document: unknown): JsonObject {
  if (!isObject(document)) return {};
  if (isObject(document["config"])) return document["config"];
  return "process" in document ? document : {};
}

/** A copy in which every process trains to this many steps; what is not changed is shared with the original. */
export function withTotalSteps(document: JsonObject, steps: number): Record<string, unknown> {
  const process = processesOf(document).map((one) => ({
    ...one,
    train: { ...objectAt(one, "train"), steps },
  }));
  return { ...document, config: { ...configOf(document), process } };
}

/** Every process that is an object; AI Toolkit runs them all, not only the first. */
export function processesOf(document: unknown): JsonObject[] {
  const list = configOf(document)["process"];
  return (Array.isArray(list) ? list : [list]).filter(isObject);
}

export function datasetsOf(process: JsonObject): JsonObject[] {
  const list = process["datasets"];
  return (Array.isArray(list) ? list : [list]).filter(isObject);
}

/** `dataset_path` wins over `folder_path` in the toolkit; `path` is what older tools wrote. */
export function datasetPathOf(dataset: JsonObject): string | null {
  return (
    textAt(dataset, "dataset_path") ?? textAt(dataset, "folder_path") ?? textAt(dataset, "path")
  );
}

/** Keys of a dataset that name a folder of masks, controls and the like, paired with the images by name. */
const companionKeys = [
  "mask_path",
  "control_path",
  "control_path_1",
  "control_path_2",
  "control_path_3",
  "inpaint_path",
  "unconditional_path",
  "clip_image_path",
] as const;

export interface Companion {
  readonly key: (typeof companionKeys)[number];
  readonly folder: string;
}

/** Folders that stand beside a dataset; `control_path` may be a list. */
export function companionsOf(dataset: JsonObject): Companion[] {
  return companionKeys.flatMap((key) => {
    const value = dataset[key];
    return (Array.isArray(value) ? value : [value]).flatMap((folder) =>
      typeof folder === "string" && folder.trim() !== "" ? [{ key, folder }] : [],
    );
  });
}

/** `samples` wins over the older `prompts`, as in the toolkit. */
export function promptsOf(sample: JsonObject): string[] {
  const { samples, prompts } = sample as { samples?: unknown; prompts?: unknown };
  if (Array.isArray(samples)) {
    return samples.flatMap((item) =>
      isObject(item) && typeof item["prompt"] === "string" ? [item["prompt"]] : [],
    );
  }
  return Array.isArray(prompts) ? prompts.filter((prompt) => typeof prompt === "string") : [];
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectAt(parent: JsonObject, key: string): JsonObject {
  const value = parent[key];
  return isObject(value) ? value : {};
}

function textAt(parent: JsonObject, key: string): string | null {
  const value = parent[key];
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

function numberAt(parent: JsonObject, key: string): number | null {
  const value = parent[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function booleanAt(parent: JsonObject, key: string): boolean | null {
  const value = parent[key];
  return typeof value === "boolean" ? value : null;
}

function resolutionsOf(value: unknown): number[] {
  return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "number");
}

/** The flags that came before `arch`. */
function archFromSwitches(model: JsonObject): string | null {
  if (model["is_flux"] === true) {
    return familyOfModelName(textAt(model, "name_or_path") ?? "") === "flex1" ? "flex1" : "flux";
  }
  if (model["is_xl"] === true) return "sdxl";
  if (model["is_v3"] === true) return "sd3";
  if (model["is_lumina2"] === true) return "lumina2";
  return model["is_v2"] === true ? "sd2" : model["is_pixart"] === true ? "pixart" : null;
}
