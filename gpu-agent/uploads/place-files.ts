import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { foldName } from "@trainyard/shared/names.ts";
import { syncFolder } from "../files/atomic-write.ts";
import { inTurn, yieldAt } from "../datasets/changes/in-turn.ts";
import { refuseInUse } from "../jobs/in-use.ts";
import { plainPathInside } from "../safe-path.ts";
import type { UploadPlace } from "./upload-place.ts";

export interface StagedFile {
  /** In staging, whole and synced. */
  readonly path: string;
  /** Checked by `parseFilename`. */
  readonly name: string;
}

/**
 * Files appear in their dataset only here, whole and verified: each by one rename, and a new dataset with all of them by one. Throws
 * NAME_CONFLICT for a dataset or a file whose name differs from another only in case or composition: on some file systems the two are
 * one; IN_USE while a job reads the dataset, whose trainer would find another file than it counted. Then nothing was moved.
 */
export function placeFiles(
  place: UploadPlace,
  files: readonly StagedFile[],
  staging: string,
  box: Parameters<typeof refuseInUse>[1],
): Promise<void> {
  return inTurn(place.folder, async () => {
    refuseInUse(place.folder, box);
    refuseFoldedTwins(place.root, [place.name], "dataset");
    const folder = plainPathInside(place.root, [place.name]);
    if (!existsSync(folder)) return placeNew(place, files, staging);
    refuseFoldedTwins(
      folder,
      files.map(({ name }) => name),
      "file",
    );
    const targets = files.map(({ name }) => plainPathInside(place.root, [place.name, name]));
    for (const [at, { path }] of files.entries()) {
      await yieldAt(at);
      renameSync(path, targets[at] as string);
    }
    syncFolder(folder);
  });
}

async function placeNew(
  place: UploadPlace,
  files: readonly StagedFile[],
  staging: string,
): Promise<void> {
  const made = join(staging, "made");
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true, mode: 0o700 });
  for (const [at, { path, name }] of files.entries()) {
    await yieldAt(at);
    renameSync(path, join(made, name));
  }
  syncFolder(made);
  renameSync(made, place.folder);
  syncFolder(place.root);
}

/** `Photos` beside `photos` is one folder on some file systems and two on others. */
function refuseFoldedTwins(
  folder: string,
  names: readonly string[],
  what: "dataset" | "file",
): void {
  const wanted = new Map(names.map((name) => [foldName(name), name]));
  for (const entry of readdirSync(folder)) {
    const name = wanted.get(foldName(entry));
    if (name === undefined || name === entry) continue;
    throw new AppError(
      "NAME_CONFLICT",
      `There is a ${what} whose name differs from this one only in case.`,
      { hint: "Use that name, or another one.", details: { name: entry } },
    );
  }
}
