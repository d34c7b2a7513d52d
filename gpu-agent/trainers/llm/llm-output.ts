import { existsSync, lstatSync, readFileSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { limits } from "@trainyard/shared/limits.ts";
import { judgeSafetensorsFile } from "../../models/safetensors-file.ts";
import { isInside } from "../../safe-path.ts";
import type { CheckpointFile } from "../trainer.ts";

/** peft's name. */
const adapterFile = "adapter_model.safetensors";
const exportedFiles = 500;

const plan = z.object({
  stages: z.array(z.object({ stage: z.int(), offset: z.int().min(0), iterations: z.int() })),
});
const exported = z.object({
  files: z.array(z.object({ name: z.string().max(500), bytes: z.int().min(0) })).max(exportedFiles),
});

/**
 * What a language-model job leaves: checkpoints of its stages, the final adapters, an exported model, an evaluation. A checkpoint's step
 * counts the whole job. Each is a folder whose weights are judged; its last part is what a download gives.
 */
export function llmOutputs(outputFolder: string): readonly CheckpointFile[] {
  return [
    ...checkpointsOf(outputFolder),
    ...[
      adapterFolder(outputFolder, "final-model", null),
      exportedModel(outputFolder),
      evaluation(outputFolder),
    ].filter((file) => file !== null),
  ];
}

function checkpointsOf(outputFolder: string): CheckpointFile[] {
  const stages = readJson(join(outputFolder, "stages.json"), plan)?.stages ?? [];
  return stages
    .flatMap(({ stage, offset }) => {
      const below = `stage${stage}/checkpoints`;
      return namesIn(join(outputFolder, below)).flatMap((name) => {
        const count = /^checkpoint-(\d{1,9})$/.exec(name)?.[1];
        const file =
          count === undefined
            ? null
            : adapterFolder(outputFolder, `${below}/${name}`, offset + Number(count));
        return file === null ? [] : [file];
      });
    })
    .sort((a, b) => (a.step ?? 0) - (b.step ?? 0));
}

function adapterFolder(
  outputFolder: string,
  name: string,
  step: number | null,
): CheckpointFile | null {
  const path = join(outputFolder, name);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory()) return null;
  const isThere = existsSync(join(path, adapterFile));
  const verdict = isThere ? judgeSafetensorsFile(join(path, adapterFile)) : null;
  const state = step === null || hasState(path);
  return {
    name,
    path,
    parts: isThere ? partsOf(path, name, ["adapter_config.json", adapterFile]) : [],
    step,
    final: step === null,
    bytes: verdict?.bytes ?? 0,
    valid: verdict?.valid === true && state,
    modifiedAtMs: stat.mtimeMs,
  };
}

/** Without it a resume would begin the stage with a fresh optimizer. transformers keeps two files, MLX one. */
function hasState(folder: string): boolean {
  const has = (file: string): boolean => existsSync(join(folder, file));
  if (!has("trainer_state.json")) return false;
  return (
    (has("optimizer.pt") && has("scheduler.pt")) ||
    judgeSafetensorsFile(join(folder, "optimizer.safetensors"))?.valid === true
  );
}

function partsOf(folder: string, name: string, files: readonly string[]): string[] {
  return files.filter((file) => existsSync(join(folder, file))).map((file) => `${name}/${file}`);
}

/** Whole when every file is there in the length that its export wrote down. */
function exportedModel(outputFolder: string): CheckpointFile | null {
  const record = readJson(join(outputFolder, "export.json"), exported);
  if (record === null) return null;
  const path = join(outputFolder, "model");
  let valid = record.files.length > 0;
  // Copied files keep their times: the record is what was written last.
  const { mtimeMs } = lstatSync(join(outputFolder, "export.json"));
  for (const { name, bytes } of record.files) {
    const stat = lstatSync(join(path, name), { throwIfNoEntry: false });
    const tensors = name.endsWith(".safetensors") ? judgeSafetensorsFile(join(path, name)) : null;
    valid &&= stat?.isFile() === true && stat.size === bytes && (tensors?.valid ?? true);
  }
  const isWeights = (name: string): boolean => /\.(?:safetensors|gguf)$/.test(name);
  const weightsLast = record.files.toSorted(
    (a, b) => Number(isWeights(a.name)) - Number(isWeights(b.name)) || a.bytes - b.bytes,
  );
  return {
    name: "model",
    path,
    parts: weightsLast.map(({ name }) => `model/${name}`),
    step: null,
    final: true,
    bytes: record.files.reduce((sum, { bytes }) => sum + bytes, 0),
    valid,
    modifiedAtMs: mtimeMs,
  };
}

function evaluation(outputFolder: string): CheckpointFile | null {
  const path = join(outputFolder, "evaluation.json");
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) return null;
  return {
    name: "evaluation.json",
    path,
    parts: ["evaluation.json"],
    step: null,
    final: true,
    bytes: stat.size,
    valid: readJson(path, z.object({ accuracy: z.number() })) !== null,
    modifiedAtMs: stat.mtimeMs,
  };
}

/** The folder a run's record names, when it is inside one of these and its weights are whole; null otherwise. */
export function wholeAdapters(named: string, roots: readonly string[]): string | null {
  if (!existsSync(named)) return null;
  const folder = realpathSync(named);
  const isAllowed = roots.some((root) => existsSync(root) && isInside(realpathSync(root), folder));
  const isWhole = judgeSafetensorsFile(join(folder, adapterFile))?.valid === true;
  return isAllowed && isWhole ? folder : null;
}

function readJson<Schema extends z.ZodType>(path: string, schema: Schema): z.output<Schema> | null {
  try {
    if (lstatSync(path).size > limits.runRecordBytes) return null;
    const parsed = schema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
