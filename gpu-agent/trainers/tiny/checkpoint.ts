import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { ADAPTER_SCALE, adapterFromTensors, adapterTensors, type Adapter } from "./adapter.ts";
import type { Adam } from "./adam.ts";
import type { TinyConfig } from "./config.ts";
import { SELF_DESCRIPTION, VERSION, type Output } from "./output.ts";
import { readTensorFile, writeTensorFile } from "./safetensors.ts";
import type { Truth } from "./truth.ts";

export interface Checkpoint {
  readonly path: string;
  readonly step: number;
  readonly adapter: Adapter;
}

/**
 * Writes checkpoint and optimizer and prunes old ones. `step` is the loop index for a checkpoint on the way, which then
 * holds step + 1 updates, and the number of steps for the final file: AI Toolkit counts so.
 */
export function saveCheckpoint(
  work: {
    readonly config: TinyConfig;
    readonly adapter: Adapter;
    readonly adam: Adam;
    readonly step: number;
    readonly epoch: number;
    readonly final: boolean;
  },
  out: Output,
  truth: Truth,
): void {
  const { config, step, final } = work;
  const suffix = final ? "" : `_${String(step).padStart(9, "0")}`;
  const path = join(config.outputFolder, `${config.name}${suffix}.safetensors`);
  writeTensorFile(path, {
    metadata: adapterMetadata(config, work.adapter, { step, epoch: work.epoch }),
    tensors: adapterTensors(work.adapter),
  });
  out.line(`Saved checkpoint to ${path}`);
  truth.write({ t: "save", step, path, final });

  const optimizerPath = optimizerPathOf(config);
  const { tensors, updates } = work.adam.state();
  writeTensorFile(optimizerPath, {
    metadata: { step: String(step), updates: String(updates) },
    tensors,
  });
  out.line(`Saved optimizer to ${optimizerPath}`);
  removeOldSaves(config, out);
}

/** The newest readable checkpoint of this job, by the step in its metadata. Damaged ones are named and passed over. */
export function findCheckpoint(config: TinyConfig, out: Output): Checkpoint | undefined {
  const names = checkpointNames(config);
  const final = `${config.name}.safetensors`;
  let newest: Checkpoint | undefined;
  for (const name of [...names, final]) {
    const path = join(config.outputFolder, name);
    if (statSync(path, { throwIfNoEntry: false }) === undefined) continue;
    try {
      const checkpoint = readCheckpoint(path);
      if (checkpoint.adapter.rank !== config.rank) {
        throw new Error(`its rank is ${checkpoint.adapter.rank}, not ${config.rank}`);
      }
      if (newest === undefined || checkpoint.step >= newest.step) newest = checkpoint;
    } catch (error) {
      out.line(`Skipping invalid checkpoint ${path}: ${messageOf(error)}`);
    }
  }
  return newest;
}

/** Throws when the file is damaged or is no adapter of this trainer. */
export function readCheckpoint(path: string): Checkpoint {
  const { metadata, tensors } = readTensorFile(path);
  const info: unknown = JSON.parse(metadata["training_info"] ?? "{}");
  const step = typeof info === "object" && info !== null && "step" in info ? info.step : undefined;
  if (typeof step !== "number") throw new Error("its metadata names no step");
  return { path, step, adapter: adapterFromTensors(tensors) };
}

/** A state that was saved with another checkpoint is refused: its moments belong to other weights. */
export function restoreOptimizer(
  config: TinyConfig,
  target: { readonly adam: Adam; readonly step: number },
  out: Output,
): void {
  const path = optimizerPathOf(config);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  out.line(`Loading optimizer state from ${path}`);
  try {
    const { metadata, tensors } = readTensorFile(path);
    if (metadata["step"] !== String(target.step)) {
      throw new Error(`it was saved at step ${metadata["step"]}, the weights at ${target.step}`);
    }
    target.adam.restore(tensors, Number(metadata["updates"]));
  } catch (error) {
    out.line(`Failed to load optimizer state from ${path}`);
    out.line(messageOf(error));
  }
  out.line("Updating optimizer LR from params");
}

function adapterMetadata(
  config: TinyConfig,
  adapter: Adapter,
  info: { readonly step: number; readonly epoch: number },
): Record<string, string> {
  return {
    training_info: `{"step": ${info.step}, "epoch": ${info.epoch}}`,
    name: config.name,
    ss_output_name: config.name,
    ss_base_model_version: "tiny",
    ss_network_dim: String(adapter.rank),
    ss_network_alpha: String(adapter.rank * ADAPTER_SCALE),
    software: JSON.stringify({ name: "trainyard-tiny", version: VERSION }),
    description: `Trainyard tiny trainer: ${SELF_DESCRIPTION}`,
    trigger_word: config.triggerWord,
    resolution: String(config.resolution),
    format: "pt",
  };
}

/** The final file is not counted, and 0 keeps all. */
function removeOldSaves(config: TinyConfig, out: Output): void {
  if (config.savesToKeep === 0) return;
  const saves = checkpointNames(config)
    .map((name) => join(config.outputFolder, name))
    .map((path) => ({ path, savedAtMs: statSync(path).mtimeMs }))
    .sort((a, b) => a.savedAtMs - b.savedAtMs || (a.path < b.path ? -1 : 1));
  for (const { path } of saves.slice(0, -config.savesToKeep)) {
    out.line(`Removing old save: ${path}`);
    rmSync(path, { force: true });
  }
}

function checkpointNames(config: TinyConfig): string[] {
  return readdirSync(config.outputFolder)
    .filter((name) => name.startsWith(`${config.name}_`))
    .filter((name) => /^\d{9,}\.safetensors$/.test(name.slice(config.name.length + 1)))
    .sort();
}

function optimizerPathOf(config: TinyConfig): string {
  return join(config.outputFolder, "optimizer.pt");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
