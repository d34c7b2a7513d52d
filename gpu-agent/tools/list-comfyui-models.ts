import { lstat, stat } from "node:fs/promises";
import { extname, posix } from "node:path";
import type { ComfyModelRow } from "@trainyard/shared/tools/list-comfyui-models.ts";
import { modelTree } from "../models/model-tree.ts";
import type { ModelTreeFile } from "../models/model-tree.ts";
import { readPolicy } from "../policy.ts";
import { fittingRows } from "./fitting-rows.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { megabytes, observedNow } from "./tool-handler.ts";

export const listComfyuiModels: AgentToolHandler<"list-comfyui-models"> = async (
  { query, limit, detail },
  context,
) => {
  const { comfyuiRoots } = readPolicy(context.home);
  const listing = await modelTree.list(comfyuiRoots);
  const wanted = query?.trim().toLowerCase() ?? "";
  const found = listing.files
    .filter(({ path }) => path.toLowerCase().includes(wanted))
    .toSorted((a, b) => compare(a.relativePath, b.relativePath) || compare(a.path, b.path));
  const full = detail !== "concise";
  const listed = await Promise.all(found.slice(0, limit).map((file) => rowOf(file, full)));
  const models = full ? listed : fittingRows(listed, (row) => row);
  const truncated = listing.limited || models.length < found.length;
  return {
    data: {
      models,
      count: found.length,
      truncated,
      roots: comfyuiRoots.map((path) => ({
        path,
        exists: !listing.missingRoots.includes(path),
      })),
      ...(full ? { skipped_links: listing.skippedLinks } : {}),
      ...observedNow(context),
    },
    text: sentence(comfyuiRoots.length, found.length, models.length, listing.limited),
  };
};

function sentence(roots: number, found: number, shown: number, limited: boolean): string {
  if (roots === 0) {
    return "This box names no ComfyUI folder. Set COMFYUI_MODEL_ROOTS for its agent, or comfyui_roots in its policy.json.";
  }
  if (found === 0) {
    return `No model file ${limited ? "in what could be looked at" : "matches"} below ${roots === 1 ? "the ComfyUI folder" : `the ${roots} ComfyUI folders`}; roots says which exist.`;
  }
  const cut = limited ? "; the folders are larger than one look" : "";
  const part = shown < found ? `; ${shown} are here, narrow them with query` : "";
  return `${found} model file${found === 1 ? "" : "s"}${part}${cut}. Give a path as model_name to create-training-config.`;
}

async function rowOf(file: ModelTreeFile, full: boolean): Promise<ComfyModelRow> {
  // A link that broke since the walk is still listed, with what is left of it.
  const found = await stat(file.path).catch(() => lstat(file.path).catch(() => null));
  const folder = posix.dirname(file.relativePath);
  return {
    name: file.name,
    path: file.path,
    folder: folder === "." ? "" : folder,
    size: found?.size ?? 0,
    ...(full ? { size_mb: megabytes(found?.size ?? 0) } : {}),
    extension: extname(file.name).slice(1).toLowerCase(),
    ...(full ? { modified_at: found === null ? null : found.mtime.toISOString() } : {}),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
