import { statSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetRef } from "@trainyard/shared/names.ts";
import type { Home } from "../home.ts";
import { plainPathInside } from "../safe-path.ts";

/** The folder of a dataset that exists, from any form of its name. */
export function resolveDataset(home: Home, reference: unknown): string {
  const name = parseDatasetRef(reference);
  const path = plainPathInside(home.datasets, [name]);
  if (!(statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    throw new AppError("DATASET_NOT_FOUND", `There is no dataset ${name} on this box.`, {
      hint: "Call list-datasets, or upload one with create-upload-link.",
      details: { dataset: name },
    });
  }
  return path;
}
