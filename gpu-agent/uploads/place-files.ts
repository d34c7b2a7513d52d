import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { foldName } from "@trainyard/shared/names.ts";
import { syncFolder } from "../files/atomic-write.ts";
import type { Home } from "../home.ts";
import { plainPathInside } from "../safe-path.ts";

export interface StagedFile {
  /** In staging, whole and synced. */
  readonly path: string;
  /** Checked by `parseFilename`. */
  readonly name: string;
}

/**
 * Files appear in their dataset only here: whole, verified, each by one rename. Throws NAME_CONFLICT for a dataset or a file whose name
 * differs from another only in case or composition: on some file systems the two are one.
 */
export function placeFiles(home: Home, dataset: string, files: readonly StagedFile[]): void {
  refuseFoldedTwin(home.datasets, dataset, "dataset");
  const folder = plainPathInside(home.datasets, [dataset]);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const { name } of files) refuseFoldedTwin(folder, name, "file");
  const targets = files.map(({ name }) => plainPathInside(home.datasets, [dataset, name]));
  for (const [at, { path }] of files.entries()) renameSync(path, targets[at] as string);
  syncFolder(folder);
  syncFolder(home.datasets);
}

/** `Photos` beside `photos` is one folder on some file systems and two on others. */
function refuseFoldedTwin(folder: string, name: string, what: "dataset" | "file"): void {
  const folded = foldName(name);
  const twin = readdirSync(folder).find((entry) => entry !== name && foldName(entry) === folded);
  if (twin === undefined) return;
  throw new AppError(
    "NAME_CONFLICT",
    `There is a ${what} whose name differs from this one only in case.`,
    { hint: "Use that name, or another one.", details: { name: twin } },
  );
}
