import { lstat, opendir } from "node:fs/promises";
import { extname, join } from "node:path";
import { limits } from "@trainyard/shared/limits.ts";
import { parseDatasetRef } from "@trainyard/shared/names.ts";
import { plainPathInside } from "../safe-path.ts";
import { uploadPlace } from "../uploads/upload-place.ts";
import type { OperationHandler } from "./operation-context.ts";

const pictures: ReadonlySet<string> = new Set([".jpg", ".jpeg", ".png", ".webp"]);

/** What lies in a dataset by name, for who uploads to it; one that is not there yet is empty. */
export const datasetFiles: OperationHandler<"dataset-files"> = async (args, { home }) => {
  const { root, name } = uploadPlace(home, parseDatasetRef(args.dataset));
  const folder = plainPathInside(root, [name]);
  const names: string[] = [];
  let images = 0;
  let captions = 0;
  try {
    for await (const entry of await opendir(folder)) {
      if (!entry.isFile() || entry.name.startsWith(".")) continue;
      const extension = extname(entry.name).toLowerCase();
      if (pictures.has(extension)) images += 1;
      if (extension === ".txt") captions += 1;
      names.push(entry.name);
      if (names.length >= limits.datasetFilesCounted) break;
    }
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
  }
  const shown = names.toSorted().slice(0, args.limit);
  const files = await Promise.all(
    shown.map(async (name) => {
      const stat = await lstat(join(folder, name)).catch(() => null);
      return { name, bytes: stat?.size ?? 0 };
    }),
  );
  return { images, captions, files, truncated: shown.length < names.length };
};
