import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { judgeSafetensorsFile } from "../models/safetensors-file.ts";
import type { CheckpointFile, SampleFile } from "./trainer.ts";

/**
 * What AI Toolkit puts behind a checkpoint's name: the two halves of a two-stage model, and what is trained beside a network
 * (BaseSDTrainProcess.py `save`, wan22_14b_model.py).
 */
const endings = "_high_noise|_low_noise|_LoRA|_refiner|_t2i|_cn|_clip|_ip|_adapter";
/** Endings of adapters stand before the step, those of stages behind it. */
const afterStem = new RegExp(`^(?:${endings})?(?:_(\\d{9,15}))?(?:${endings})?$`);
/** Folders of a whole model hold a file for each of its parts. */
const partsMax = 100;

/** The files that AI Toolkit, and the tiny trainer after its model, leave in a job's folder. */
export function toolkitCheckpoints(
  outputFolder: string,
  fileStem: string,
): readonly CheckpointFile[] {
  const found: CheckpointFile[] = [];
  for (const entry of namesIn(outputFolder)) {
    const isFile = entry.endsWith(".safetensors");
    if (!entry.startsWith(fileStem)) continue;
    const middle = entry.slice(fileStem.length, isFile ? -".safetensors".length : undefined);
    const match = afterStem.exec(middle);
    if (match === null) continue;
    const step = match[1] === undefined ? null : Number(match[1]);
    try {
      const checkpoint = isFile
        ? fileCheckpoint(outputFolder, entry, step)
        : folderCheckpoint(outputFolder, entry, step);
      if (checkpoint !== null) found.push(checkpoint);
    } catch (error) {
      // Pruned by the trainer while we looked.
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
    }
  }
  return found.sort(
    (a, b) =>
      Number(a.final) - Number(b.final) ||
      (a.step ?? 0) - (b.step ?? 0) ||
      (a.name < b.name ? -1 : 1),
  );
}

/** Of the names of files those that a training ends with: the ones that carry no step. */
export function finalNames(names: readonly string[], fileStem: string): readonly string[] {
  return names.filter((name) => {
    if (!name.startsWith(fileStem) || !name.endsWith(".safetensors")) return false;
    const match = afterStem.exec(name.slice(fileStem.length, -".safetensors".length));
    return match !== null && match[1] === undefined;
  });
}

function fileCheckpoint(
  outputFolder: string,
  name: string,
  step: number | null,
): CheckpointFile | null {
  const path = join(outputFolder, name);
  const stat = lstatSync(path);
  if (!stat.isFile()) return null;
  const verdict = judgeSafetensorsFile(path);
  if (verdict === null) return null;
  return {
    name,
    path,
    parts: [name],
    step: step ?? verdict.step,
    final: step === null,
    bytes: verdict.bytes,
    valid: verdict.valid,
    modifiedAtMs: stat.mtimeMs,
  };
}

/** A whole model in diffusers' form: valid when every one of its tensor files is. */
function folderCheckpoint(
  outputFolder: string,
  name: string,
  step: number | null,
): CheckpointFile | null {
  const path = join(outputFolder, name);
  if (!lstatSync(path).isDirectory()) return null;
  const parts = [name, ...namesIn(path).map((one) => `${name}/${one}`)]
    .flatMap((folder) => namesIn(join(outputFolder, folder)).map((file) => `${folder}/${file}`))
    .filter((file) => file.endsWith(".safetensors"))
    .slice(0, partsMax);
  if (parts.length === 0) return null;
  let bytes = 0;
  let valid = true;
  let modifiedAtMs = 0;
  for (const part of parts) {
    const file = join(outputFolder, part);
    const verdict = judgeSafetensorsFile(file);
    bytes += verdict?.bytes ?? 0;
    valid &&= verdict?.valid ?? false;
    modifiedAtMs = Math.max(modifiedAtMs, lstatSync(file).mtimeMs);
  }
  return { name, path, parts, step, final: step === null, bytes, valid, modifiedAtMs };
}

const sampleName = /^(\d+)__(\d+)_(\d+)\.\w+$/;

export function toolkitSamples(outputFolder: string): readonly SampleFile[] {
  const found: SampleFile[] = [];
  for (const file of namesIn(join(outputFolder, "samples"))) {
    const [, writtenAt, step, index] = sampleName.exec(file) ?? [];
    if (writtenAt === undefined || step === undefined || index === undefined) continue;
    const stat = lstatSync(join(outputFolder, "samples", file), { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) continue;
    found.push({
      name: `samples/${file}`,
      step: Number(step),
      index: Number(index),
      writtenAtMs: Number(writtenAt),
      bytes: stat.size,
    });
  }
  return found.sort(
    (a, b) => a.step - b.step || a.index - b.index || a.writtenAtMs - b.writtenAtMs,
  );
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(String((error as { code?: unknown }).code))) return [];
    throw error;
  }
}
