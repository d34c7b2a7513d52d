import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { judgeSafetensorsFile } from "../models/safetensors-file.ts";
import type { CheckpointFile, SampleFile } from "./trainer.ts";

/** The files that AI Toolkit, and the tiny trainer after its model, leave in a job's folder. */
export function toolkitCheckpoints(outputFolder: string, name: string): readonly CheckpointFile[] {
  const found: CheckpointFile[] = [];
  for (const file of namesIn(outputFolder)) {
    if (!file.endsWith(".safetensors") || !file.startsWith(name)) continue;
    const middle = file.slice(name.length, -".safetensors".length);
    const numbered = /^_(\d{9,15})$/.exec(middle)?.[1];
    if (middle !== "" && numbered === undefined) continue;
    const path = join(outputFolder, file);
    try {
      const stat = lstatSync(path);
      if (!stat.isFile()) continue;
      const verdict = judgeSafetensorsFile(path);
      if (verdict === null) continue;
      found.push({
        name: file,
        path,
        step: numbered === undefined ? verdict.step : Number(numbered),
        final: numbered === undefined,
        bytes: verdict.bytes,
        valid: verdict.valid,
        modifiedAtMs: stat.mtimeMs,
      });
    } catch (error) {
      // Pruned by the trainer while we looked.
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
    }
  }
  return found.sort((a, b) => Number(a.final) - Number(b.final) || (a.step ?? 0) - (b.step ?? 0));
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
    if ((error as { code?: unknown }).code === "ENOENT") return [];
    throw error;
  }
}
