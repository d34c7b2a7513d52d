import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetFolder } from "@trainyard/shared/names.ts";
import type {
  CompanionFacts,
  DatasetFacts,
} from "@trainyard/shared/protocol/operations/preflight.ts";
import { lstatSync } from "node:fs";
import type { OperationContext } from "../operations/operation-context.ts";
import { plainPathInside } from "../safe-path.ts";
import { lookForDataset } from "./dataset-folder.ts";
import type { DatasetPlace } from "./dataset-folder.ts";

type Box = Pick<OperationContext, "home" | "datasets">;

/** What a start, a validation or a report needs of a dataset. A reference that no dataset could have is a fact too: `name` is null. */
export async function datasetFacts(
  reference: string,
  look: { readonly maxFiles: number; readonly glanceMs: number },
  { home, datasets }: Box,
): Promise<DatasetFacts> {
  const nothing = { reference, ...noFacts };
  let place: DatasetPlace | null;
  try {
    place = lookForDataset(home, reference);
    if (place === null) {
      const name = parseDatasetFolder(reference);
      const path = plainPathInside(home.datasets, [name]);
      const exists = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
      return { ...nothing, name, exists };
    }
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "POLICY_INVALID") throw error;
    return { ...nothing, name: null };
  }
  const { survey, facts, scan, fingerprint } = await datasets.ask<"diagnosis">({
    want: "diagnosis",
    folder: place.folder,
    virtualPath: place.virtualPath,
    maxFiles: look.maxFiles,
    waitMs: look.glanceMs,
    triggerWord: null,
    resolutions: [],
    sides: 16,
  });
  const { corrupt, duplicates, lowResolution, extremeAspect } = facts;
  const isSeen =
    scan.state === "done" &&
    corrupt !== null &&
    duplicates !== null &&
    lowResolution !== null &&
    extremeAspect !== null;
  return {
    reference,
    name: place.name,
    exists: true,
    isDirectory: true,
    images: survey.images,
    captioned: survey.captioned + survey.emptyCaptions,
    emptyCaptions: survey.emptyCaptions,
    totalBytes: survey.totalBytes,
    fingerprint,
    scanLimited: survey.limited,
    ...(isSeen
      ? {
          seen: {
            corrupt,
            duplicates,
            lowResolution,
            extremeAspect,
            captions:
              facts.captions === null
                ? null
                : { ...facts.captions, topTerms: shortTerms(facts.captions.topTerms) },
          },
        }
      : {}),
  };
}

/** Whether a folder of masks or controls has a picture for each image of its dataset. */
export async function companionFacts(
  { dataset, folder }: { readonly dataset: string; readonly folder: string },
  { home, datasets }: Box,
): Promise<CompanionFacts> {
  const missing = { dataset, folder, exists: false, images: 0, unpaired: 0 };
  try {
    const [place, companion] = [lookForDataset(home, dataset), lookForDataset(home, folder)];
    if (companion === null) return missing;
    if (place === null) return { ...missing, exists: true };
    const found = await datasets.ask<"companion">({
      want: "companion",
      folder: place.folder,
      virtualPath: place.virtualPath,
      maxFiles: 1,
      companion: companion.folder,
    });
    return { dataset, folder, exists: true, ...found };
  } catch (error) {
    if (error instanceof AppError && error.code !== "SCAN_FAILED") return missing;
    throw error;
  }
}

const noFacts = {
  exists: false,
  isDirectory: false,
  images: 0,
  captioned: 0,
  emptyCaptions: 0,
  totalBytes: 0,
  fingerprint: null,
  scanLimited: false,
};

function shortTerms(terms: readonly { readonly term: string; readonly count: number }[]) {
  return terms.slice(0, 25).map(({ term, count }) => ({ term: term.slice(0, 200), count }));
}
