import { lstat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Home } from "../home.ts";
import { createModelTree } from "./model-tree.ts";
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

/** Trainers' own state and caches beside the models. */
const notModels = new Set(["optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"]);
const notFolders = new Set(["samples", "_latent_cache", "_t_e_cache", "_clip_vision_cache"]);

/** The outputs' own: other roots would push their folders out of its memory. */
const outputs = createModelTree();

/** Model files at any depth below the outputs, newest first. Links are not followed: what they name lies elsewhere. */
export async function listModels(home: Home): Promise<{
  readonly models: readonly ModelFile[];
  readonly limited: boolean;
}> {
  const listing = await outputs.list([home.outputs]);
  const models: ModelFile[] = [];
  for (const { name, relativePath } of listing.files) {
    const segments = relativePath.split("/");
    if (notModels.has(name) || segments.some((segment) => notFolders.has(segment))) continue;
    const stat = await lstat(join(home.outputs, ...segments)).catch(() => null);
    if (stat === null || !stat.isFile()) continue;
    models.push({
      name,
      segments,
      bytes: stat.size,
      extension: extname(name).slice(1).toLowerCase(),
      modifiedAtMs: stat.mtimeMs,
      dev: stat.dev,
      ino: stat.ino,
    });
  }
  models.sort((a, b) => b.modifiedAtMs - a.modifiedAtMs || (a.name < b.name ? -1 : 1));
  return { models, limited: listing.limited };
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
