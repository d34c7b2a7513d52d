import { accessSync, constants, lstatSync, readdirSync, statSync } from "node:fs";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetFolder } from "@trainyard/shared/names.ts";
import type { Home } from "../home.ts";
import { readPolicy } from "../policy.ts";
import { plainPathInside } from "../safe-path.ts";

/** Where a dataset lies. */
export interface DatasetPlace {
  readonly root: string;
  /** Its folder below the root. */
  readonly name: string;
  readonly folder: string;
  /** As answers show it: `datasets/x`; a whole path where the home has another dataset of that name. */
  readonly virtualPath: string;
}

/** The home's own folder first, then those that the box's policy names and that can be read. Throws POLICY_INVALID. */
export function datasetRoots(home: Home): readonly string[] {
  return [...new Set([home.datasets, ...readPolicy(home).datasetRoots.filter(isReadable)])];
}

/** The same for what must go on whatever stands in the policy: then the home's own alone. */
export function certainRoots(home: Home): readonly string[] {
  try {
    return datasetRoots(home);
  } catch (error) {
    if (error instanceof AppError) return [home.datasets];
    throw error;
  }
}

/** Null when no dataset has that name. Throws for what cannot be a name. */
export function lookForDataset(home: Home, reference: unknown): DatasetPlace | null {
  const whole = placeOfPath(home, reference);
  if (whole !== null) return isFolder(whole.folder) ? whole : null;
  const name = parseDatasetFolder(reference);
  // A policy that cannot be understood takes nothing away from the home's own.
  const own = placeOf(home, home.datasets, name);
  if (isFolder(own.folder)) return own;
  for (const root of datasetRoots(home).slice(1)) {
    const place = placeOf(home, root, name);
    if (isFolder(place.folder)) return place;
  }
  return null;
}

/** Throws DATASET_NOT_FOUND when no dataset has that name. */
export function findDataset(home: Home, reference: unknown): DatasetPlace {
  const place = lookForDataset(home, reference);
  if (place !== null) return place;
  throw new AppError("DATASET_NOT_FOUND", "There is no dataset of that name on this box.", {
    hint: "Call list-datasets, or upload one with create-upload-link.",
    details: { dataset: String(reference) },
  });
}

/** The folder of a dataset that exists, from any form of its name. */
export function resolveDataset(home: Home, reference: unknown): string {
  return findDataset(home, reference).folder;
}

/** Folders whose name could stand in a call, by name. Links are not followed. */
export function datasetPlaces(home: Home, roots = datasetRoots(home)): readonly DatasetPlace[] {
  return roots
    .flatMap((root) =>
      readdirSync(root, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && isAddressable(entry.name))
        .map((entry) => placeOf(home, root, entry.name)),
    )
    .sort((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
}

/** A whole path is a reference only straight below a root that the policy names. */
function placeOfPath(home: Home, reference: unknown): DatasetPlace | null {
  if (typeof reference !== "string" || !isAbsolute(reference)) return null;
  if (reference.startsWith("/ai-toolkit/")) return null;
  const path = resolve(reference);
  for (const root of datasetRoots(home).slice(1)) {
    const name = relative(root, path);
    if (name === "" || name.startsWith("..") || name.includes(sep)) continue;
    if (isAddressable(name)) return placeOf(home, root, name);
  }
  return null;
}

function placeOf(home: Home, root: string, name: string): DatasetPlace {
  const folder = plainPathInside(root, [name]);
  const isHidden = root !== home.datasets && isFolder(join(home.datasets, name));
  return { root, name, folder, virtualPath: isHidden ? folder : `datasets/${name}` };
}

function isReadable(root: string): boolean {
  try {
    accessSync(root, constants.R_OK | constants.X_OK);
    return statSync(root).isDirectory();
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isAddressable(name: string): boolean {
  try {
    return parseDatasetFolder(name) === name;
  } catch {
    return false;
  }
}
