import { bucketSides } from "@trainyard/shared/dataset/bucket-sides.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { findDataset } from "../datasets/dataset-folder.ts";
import type { DatasetPlace } from "../datasets/dataset-folder.ts";
import type { DiagnosisWish } from "../datasets/scan/messages.ts";
import type { Home } from "../home.ts";

/** What AI Toolkit's own form trains at when nothing else is said. */
const usualResolutions = [512, 768, 1_024];

export interface AskedDataset {
  readonly dataset_path?: string | undefined;
  readonly config_name?: string | undefined;
  readonly max_dataset_files: number;
  readonly trigger_word?: string | undefined;
  readonly resolution?: number | readonly number[] | undefined;
  readonly arch?: string | undefined;
}

/** The edge has put the config's dataset into `dataset_path`. */
export function datasetWish(
  home: Home,
  input: AskedDataset,
): { readonly place: DatasetPlace; readonly wish: DiagnosisWish } {
  if (input.dataset_path === undefined) {
    throw new AppError("INVALID_ARGUMENT", "Which dataset is meant is missing.", {
      hint: "Give dataset_path, or config_name of a config that names one.",
      details: { field: "dataset_path" },
    });
  }
  const place = findDataset(home, input.dataset_path);
  const { resolution = usualResolutions } = input;
  return {
    place,
    wish: {
      folder: place.folder,
      virtualPath: place.virtualPath,
      maxFiles: input.max_dataset_files,
      triggerWord: input.trigger_word?.trim() || null,
      resolutions: typeof resolution === "number" ? [resolution] : [...resolution],
      sides: bucketSides(input.arch ?? null),
      waitMs: limits.datasetScanWaitMs,
    },
  };
}
