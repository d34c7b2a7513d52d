import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A fault in the document itself, found before a job exists: AI Toolkit then prints one line more. */
export class ConfigError extends Error {}

export interface DatasetConfig {
  readonly folder: string;
  /** With its dot. */
  readonly captionExtension: string;
  readonly defaultCaption: string;
}

export interface SamplePrompt {
  readonly prompt: string;
  readonly width: number;
  readonly height: number;
}

type SampleFormat = "png" | "jpg" | "webp";

/** What this trainer reads of AI Toolkit's document. Keys it does not know are ignored, as AI Toolkit does. */
export interface TinyConfig {
  readonly name: string;
  /** The process as it was given, to print and to keep as config.yaml. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly process: Readonly<Record<string, unknown>>;
  readonly outputFolder: string;
  /** File with the table that others drive the job by; "" when there is none. */
  readonly jobTable: string;
  readonly triggerWord: string;
  readonly seed: number;
  readonly rank: number;
  /** Square side in pixels that images are cropped to, and the finest that samples are computed at. */
  readonly resolution: number;
  readonly datasets: readonly DatasetConfig[];
  readonly steps: number;
  readonly learningRate: number;
  readonly batchSize: number;
  /** 0 means never, here and below. */
  readonly saveEvery: number;
  readonly savesToKeep: number;
  readonly sampleEvery: number;
  readonly sampleFormat: SampleFormat;
  readonly prompts: readonly SamplePrompt[];
  readonly skipFirstSample: boolean;
  readonly forceFirstSample: boolean;
  readonly disableSampling: boolean;
  readonly performanceLogEvery: number;
  readonly lossLog: boolean;
  readonly logEvery: number;
}

const minResolution = 16;
const maxResolution = 128;
const maxSampleSide = 2048;

export function readConfig(path: string): TinyConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new ConfigError(`Could not find config file ${path}`);
  }
  return parseConfig(JSON.parse(text));
}

function parseConfig(value: unknown): TinyConfig {
  const document = record(value);
  if (!("job" in document)) throw new ConfigError("config file must have a job key");
  if (!("config" in document)) throw new ConfigError("config file must have a config section");
  const config = record(document["config"]);
  const name = text(config["name"]);
  if (name === "") throw new ConfigError("config file must have a config.name key");
  const processes = list(config["process"]);
  if (processes.length === 0) {
    throw new ConfigError('config file is invalid. Missing "config.process" key');
  }
  const process = record(processes[0]);
  if (!("type" in process)) {
    throw new ConfigError('config file is invalid. Missing "config.process[0].type" key');
  }
  if (text(record(process["model"])["name_or_path"]) === "") {
    throw new ConfigError("name_or_path must be specified");
  }
  return { ...parseProcess(name, process), document };
}

function parseProcess(
  name: string,
  process: Readonly<Record<string, unknown>>,
): Omit<TinyConfig, "document"> {
  const network = record(process["network"]);
  const save = record(process["save"]);
  const train = record(process["train"]);
  const sample = record(process["sample"]);
  const logging = record(process["logging"]);
  const triggerWord = text(process["trigger_word"]);
  const datasets = list(process["datasets"]).map(record);
  const resolution = resolutionOf(datasets);
  return {
    name,
    process,
    outputFolder: join(text(process["training_folder"]) || "output", name),
    jobTable: text(process["sqlite_db_path"]),
    triggerWord,
    seed: number(process["training_seed"] ?? train["seed"], 42),
    rank: clamp(whole(network["linear"] ?? network["rank"], 32), 1, 128),
    resolution,
    datasets: datasets.map((dataset) => ({
      folder: text(dataset["dataset_path"]) || text(dataset["folder_path"]),
      captionExtension: `.${(text(dataset["caption_ext"]) || "txt").replace(/^\./, "")}`,
      defaultCaption: text(dataset["default_caption"]),
    })),
    steps: whole(train["steps"], 1000),
    learningRate: number(train["lr"], 1e-4),
    batchSize: Math.max(1, whole(train["batch_size"], 1)),
    saveEvery: whole(save["save_every"], "save_every" in save ? 0 : 1000),
    savesToKeep: whole(save["max_step_saves_to_keep"], 5),
    sampleEvery: whole(sample["sample_every"], "sample_every" in sample ? 0 : 100),
    sampleFormat: formatOf(sample["format"]),
    prompts: promptsOf(sample, { triggerWord, resolution }),
    skipFirstSample: train["skip_first_sample"] === true,
    forceFirstSample: train["force_first_sample"] === true,
    disableSampling: train["disable_sampling"] === true,
    performanceLogEvery: whole(process["performance_log_every"], 0),
    lossLog: logging["use_ui_logger"] !== false,
    logEvery: Math.max(1, whole(logging["log_every"], 1)),
  };
}

/** `samples` wins over `prompts`, `[trigger]` is filled in, flags such as ` --seed 3` are cut off: as AI Toolkit does. */
function promptsOf(
  sample: Readonly<Record<string, unknown>>,
  fill: { readonly triggerWord: string; readonly resolution: number },
): SamplePrompt[] {
  const side = (value: unknown, fallback: unknown): number =>
    clamp(whole(value ?? fallback, fill.resolution), minResolution, maxSampleSide);
  const items = "samples" in sample ? list(sample["samples"]).map(record) : [];
  const entries =
    items.length > 0 ? items : list(sample["prompts"]).map((prompt) => ({ prompt }) as const);
  return entries.map((entry: Readonly<Record<string, unknown>>) => ({
    prompt: withTrigger(text(entry["prompt"]), fill.triggerWord).replace(/\s+--.*$/s, ""),
    width: side(entry["width"], sample["width"]),
    height: side(entry["height"], sample["height"]),
  }));
}

/** Fills in the placeholders of a prompt or caption. */
export function withTrigger(prompt: string, triggerWord: string): string {
  return prompt.replaceAll("[trigger]", triggerWord).replaceAll("[name]", triggerWord);
}

function resolutionOf(datasets: readonly Readonly<Record<string, unknown>>[]): number {
  const wanted = datasets
    .flatMap(({ resolution }) => (Array.isArray(resolution) ? resolution : [resolution]))
    .map((value) => whole(value, 0))
    .filter((value) => value > 0);
  return clamp(wanted.length > 0 ? Math.min(...wanted) : 64, minResolution, maxResolution);
}

function formatOf(value: unknown): SampleFormat {
  const format = text(value).toLowerCase();
  if (format === "jpg" || format === "jpeg") return "jpg";
  return format === "webp" ? "webp" : "png";
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Accepts "1e-4" too: YAML written by hand often quotes it. */
function number(value: unknown, fallback: number): number {
  const parsed = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof parsed === "number" && Number.isFinite(parsed) ? parsed : fallback;
}

function whole(value: unknown, fallback: number): number {
  return Math.max(0, Math.floor(number(value, fallback)));
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
