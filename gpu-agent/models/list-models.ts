import { lstatSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";
import type { Home } from "../home.ts";
import { judgeSafetensorsFile } from "./safetensors-file.ts";

export interface ModelFile {
  readonly name: string;
  readonly segments: readonly string[];
  readonly bytes: number;
  readonly extension: string;
  readonly modifiedAtMs: number;
  readonly dev: number;
  readonly ino: number;
}

const extensions = new Set([".safetensors", ".gguf", ".pt", ".ckpt"]);
/** AI Toolkit's own state beside the models. */
const notModels = new Set(["optimizer.pt"]);
const depthMax = 3;
const filesMax = 20_000;

/** Model files below the outputs, newest first. Links are not followed. */
export function listModels(home: Home): {
  readonly models: readonly ModelFile[];
  readonly limited: boolean;
} {
  const models: ModelFile[] = [];
  let seen = 0;
  const walk = (segments: readonly string[]): void => {
    for (const entry of readdirSync(join(home.outputs, ...segments), { withFileTypes: true })) {
      seen += 1;
      if (seen > filesMax) return;
      if (entry.name.startsWith(".") || entry.name === "samples") continue;
      const here = [...segments, entry.name];
      if (entry.isDirectory() && here.length <= depthMax) walk(here);
      if (!entry.isFile() || !extensions.has(extname(entry.name)) || notModels.has(entry.name))
        continue;
      const stat = lstatSync(join(home.outputs, ...here), { throwIfNoEntry: false });
      if (stat === undefined) continue;
      models.push({
        name: entry.name,
        segments: here,
        bytes: stat.size,
        extension: extname(entry.name).slice(1),
        modifiedAtMs: stat.mtimeMs,
        dev: stat.dev,
        ino: stat.ino,
      });
    }
  };
  walk([]);
  models.sort((a, b) => b.modifiedAtMs - a.modifiedAtMs || (a.name < b.name ? -1 : 1));
  return { models, limited: seen > filesMax };
}

/** Only safetensors can be judged by header; of another format it is known that it is not empty. */
export function judgeModel(
  home: Home,
  model: ModelFile,
): { readonly valid: boolean; readonly step: number | null } {
  if (model.extension !== "safetensors") return { valid: model.bytes > 0, step: null };
  const verdict = judgeSafetensorsFile(join(home.outputs, ...model.segments));
  return { valid: verdict?.valid ?? false, step: verdict?.step ?? null };
}
