import { join } from "node:path";
import { extensionOf } from "@trainyard/shared/dataset/file-kinds.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { lookForDataset } from "../datasets/dataset-folder.ts";
import { hashInside, receivedHash } from "../models/file-hash.ts";
import type { Home } from "../home.ts";
import type { Spool } from "../spool.ts";
import { openInside } from "../safe-path.ts";

/** Where an upload to this dataset goes: where it is already, also below a root that the policy names; a new one into the home. */
export interface UploadPlace {
  readonly root: string;
  readonly name: string;
  readonly folder: string;
  readonly virtualPath: string;
}

export function uploadPlace(home: Home, dataset: string): UploadPlace {
  return (
    lookForDataset(home, dataset) ?? {
      root: home.datasets,
      name: dataset,
      folder: join(home.datasets, dataset),
      virtualPath: `datasets/${dataset}`,
    }
  );
}

/** SHA-256 of a file of the dataset as it lies there; null when there is none. */
export async function hashThere(
  spool: Spool,
  { root, name }: UploadPlace,
  filename: string,
): Promise<string | null> {
  return hashInside(spool, root, [name, filename]).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "NOT_FOUND") return null;
    throw error;
  });
}

/** The same of the bytes it was made from, where it was converted when it was uploaded; null when that is not known. */
export function receivedThere(
  spool: Spool,
  { root, name }: UploadPlace,
  filename: string,
): string | null {
  try {
    const file = openInside(root, [name, filename]);
    try {
      return receivedHash(spool, file);
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof AppError && error.code === "NOT_FOUND") return null;
    throw error;
  }
}

/**
 * Names under which a picture may be kept that is sent as `filename`: its own, with another ending, or, where a different picture has
 * that name already, with the old ending in it. `IMG_1.HEIC` beside `IMG_1.JPG` are two pictures on many phones.
 */
export function keptNames(filename: string, kept: string): readonly string[] {
  if (kept === filename) return [filename];
  const ending = extensionOf(kept);
  const stem = kept.slice(0, -ending.length - 1);
  return [kept, `${stem}-${extensionOf(filename)}.${ending}`];
}
