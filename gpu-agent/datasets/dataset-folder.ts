import { lstatSync, readdirSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetFolder } from "@trainyard/shared/names.ts";
import type { Home } from "../home.ts";
import { plainPathInside } from "../safe-path.ts";

/** Where a dataset lies. */
export interface DatasetPlace {
  readonly root: string;
  /** Its folder below the root. */
  readonly name: string;
  readonly folder: string;
  /** As answers show it: `datasets/x`. */
  readonly virtualPath: string;
}

/** Null when no dataset has that name. Throws for what cannot be a name. */
export function lookForDataset(home: Home, reference: unknown): DatasetPlace | null {
  const place = placeOf(home, parseDatasetFolder(reference));
  return lstatSync(place.folder, { throwIfNoEntry: false })?.isDirectory() === true ? place : null;
}

/** Throws DATASET_NOT_FOUND when no dataset has that name. */
function findDataset(home: Home, reference: unknown): DatasetPlace {
  const place = lookForDataset(home, reference);
  if (place !== null) return place;
  throw new AppError("DATASET_NOT_FOUND", "There is no dataset of that name on this box.", {
    hint: "Call list-datasets, or upload one with create-upload-link.",
    details: { dataset: parseDatasetFolder(reference) },
  });
}

/** The folder of a dataset that exists, from any form of its name. */
export function resolveDataset(home: Home, reference: unknown): string {
  return findDataset(home, reference).folder;
}

/** Folders whose name could stand in a call, by name. Links are not followed. */
export function datasetPlaces(home: Home): readonly DatasetPlace[] {
  return readdirSync(home.datasets, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && isAddressable(entry.name))
    .map((entry) => placeOf(home, entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function placeOf(home: Home, name: string): DatasetPlace {
  return {
    root: home.datasets,
    name,
    folder: plainPathInside(home.datasets, [name]),
    virtualPath: `datasets/${name}`,
  };
}

function isAddressable(name: string): boolean {
  try {
    return parseDatasetFolder(name) === name;
  } catch {
    return false;
  }
}
