import {
  companionsOf,
  datasetPathOf,
  datasetsOf,
  type JsonObject,
  objectAt,
} from "./ai-toolkit-document.ts";
import { bounds, error, inBounds, type Place, range, shown, warning } from "./finding.ts";
import { presetOfArch } from "./presets/model-presets.ts";

export function checkDatasets(process: JsonObject, flux: boolean, place: Place): void {
  const { path, add } = place;
  const datasets = datasetsOf(process);
  if (datasets.length === 0) {
    return add(
      error("MISSING_DATASET_PATH", "No dataset is named.", {
        field: `${path}.datasets[0].folder_path`,
        fix: "Name a dataset; list-datasets shows them.",
      }),
    );
  }
  for (const [index, dataset] of datasets.entries()) {
    const at = `${path}.datasets[${index}]`;
    const folder = datasetPathOf(dataset);
    if (folder === null) {
      add(
        error("MISSING_DATASET_PATH", "This dataset has no folder.", {
          field: `${at}.folder_path`,
          fix: "Set `folder_path`; list-datasets shows the datasets.",
        }),
      );
    } else if (escapes(folder)) {
      add(
        error("PATH_ESCAPE", "This path leaves its root.", {
          field: `${at}.folder_path`,
          fix: "Give the dataset's name.",
        }),
      );
    } else {
      checkDatasetFacts(folder, `${at}.folder_path`, place);
      checkCompanions(dataset, folder, at, place);
    }
    checkResolution(dataset["resolution"], flux, `${at}.resolution`, place);
  }
  checkControls(process, place);
}

/** A model that is taught to edit learns nothing of it without the pictures it starts from. */
function checkControls(process: JsonObject, { path, add }: Place): void {
  const arch = objectAt(process, "model")["arch"];
  const preset = typeof arch === "string" ? presetOfArch(arch) : null;
  const edits = preset !== null && (preset.group === "instruction" || /:o_edit/.test(preset.arch));
  if (!edits) return;
  for (const [index, dataset] of datasetsOf(process).entries()) {
    const named =
      isGiven(dataset["control_from_same_folder"]) ||
      companionsOf(dataset).some(({ key }) => key.startsWith("control_path"));
    if (named) continue;
    add(
      warning(
        "CONTROL_PATH_MISSING",
        "This model edits, and the dataset names no control images.",
        {
          field: `${path}.datasets[${index}].control_path`,
          fix: "Name a dataset with the pictures before the edit, each called as the one after it.",
        },
      ),
    );
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}

function escapes(path: string): boolean {
  return /(?:^|[/\\])\.\.(?:[/\\]|$)/.test(path);
}

/** `datasets/x`, `/ai-toolkit/datasets/x/` and `x` are the same folder. */
function folderName(path: string): string {
  return path.replace(/^(?:\/ai-toolkit\/)?(?:datasets\/)?/, "").replace(/\/+$/, "");
}

function checkDatasetFacts(folder: string, field: string, { facts, add }: Place): void {
  const known = facts.datasets;
  const found = known && Object.hasOwn(known, folder) ? known[folder] : undefined;
  if (!found) return;
  const value = shown(folder);
  if (!found.exists) {
    return add(
      error("DATASET_PATH_NOT_FOUND", "The box has no such dataset.", {
        field,
        value,
        fix: "Upload it with create-upload-link, or choose one of list-datasets.",
      }),
    );
  }
  if (!found.isDirectory) {
    return add(
      error("DATASET_PATH_NOT_DIRECTORY", "The dataset is a file, not a folder.", {
        field,
        value,
        fix: "Give a folder.",
      }),
    );
  }
  if (found.images === 0) {
    return add(
      error("DATASET_EMPTY", "The dataset has no image that the trainer takes.", {
        field,
        value,
        fix: "Upload images as .jpg, .jpeg, .png or .webp.",
      }),
    );
  }
  if (found.corrupt !== null && found.corrupt > 0) {
    add(
      error("DATASET_CORRUPT_IMAGES", `${found.corrupt} images cannot be read.`, {
        field,
        value: found.corrupt,
        fix: "Move them out with auto-improve-dataset.",
      }),
    );
  }
  if (found.captionCoveragePct !== null && found.captionCoveragePct < 80) {
    add(
      warning("DATASET_LOW_CAPTION_COVERAGE", "Less than 80 % of the images have a caption.", {
        field,
        value: found.captionCoveragePct,
        fix: "Add captions, or fill them with auto-improve-dataset.",
      }),
    );
  }
  if (found.duplicates !== null && found.duplicates > 0) {
    add(
      warning("DATASET_DUPLICATES_DETECTED", `${found.duplicates} images are there twice.`, {
        field,
        value: found.duplicates,
        fix: "Move them out with auto-improve-dataset.",
      }),
    );
  }
}

/**
 * Folders of pictures beside the dataset's own: each is a dataset of the box too. They are paired with the images by name;
 * one that is missing is passed over in silence there.
 */
function checkCompanions(dataset: JsonObject, images: string, at: string, place: Place): void {
  const { facts, add } = place;
  for (const { key, folder } of companionsOf(dataset)) {
    const kind = key === "mask_path" ? "MASK" : key.startsWith("control") ? "CONTROL" : "COMPANION";
    const rest = { field: `${at}.${key}`, value: shown(folder) };
    const found = facts.companions?.find(
      (fact) => fact.dataset === images && fact.folder === folder,
    );
    if (escapes(folder)) {
      add(
        error("PATH_ESCAPE", "This path leaves its root.", {
          field: rest.field,
          fix: "Give a dataset's name.",
        }),
      );
    } else if (found?.exists === false) {
      add(
        error(`${kind}_PATH_NOT_FOUND`, "The box has no such folder.", {
          ...rest,
          fix: "Upload the folder as a dataset of its own, or take the key out.",
        }),
      );
    } else if (folderName(folder).startsWith(`${folderName(images)}/`)) {
      add(
        warning(
          "FOLDER_INSIDE_DATASET",
          "This folder lies inside the dataset, and AI Toolkit trains on every sub-folder.",
          { ...rest, fix: "Move it beside the dataset." },
        ),
      );
    } else if (found !== undefined && found.unpaired > 0) {
      add(
        warning(
          `${kind}_IMAGES_MISSING`,
          `${found.unpaired} images have no file of their name in this folder.`,
          { ...rest, fix: "Give each the name of its image, without the extension." },
        ),
      );
    }
  }
}

/** The largest that a model of the presets draws at (HiDream-O1). */
export const highResolution = 2048;

function checkResolution(value: unknown, flux: boolean, field: string, { tiny, add }: Place): void {
  // AI Toolkit has a default of its own for it.
  if (value === undefined || value === null) return;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const edges = list.filter((edge) => inBounds(edge, bounds.resolution, true));
  if (list.length === 0 || edges.length < list.length) {
    return add(
      error("INVALID_RESOLUTION", `Resolutions are whole numbers ${range(bounds.resolution)}.`, {
        field,
        value: shown(value),
        fix: "Use for example [512] or [768, 1024].",
      }),
    );
  }
  if (tiny) return;
  const [low, high] = [Math.min(...edges), Math.max(...edges)];
  if (low < 256) {
    add(
      warning("RESOLUTION_LOW", "A resolution below 256 teaches little.", {
        field,
        value: low,
        fix: "Use 512 or more.",
      }),
    );
  }
  if (high > highResolution) {
    add(
      warning("RESOLUTION_HIGH", `A resolution above ${highResolution} rarely fits in memory.`, {
        field,
        value: high,
        fix: "Use 1024.",
      }),
    );
  }
  if (flux && high < 768) {
    add(
      warning("FLUX_RESOLUTION_LOW", "Flux learns details best at 768 or more.", {
        field,
        value: high,
        fix: "Add 768 or 1024 to the resolutions if the GPU allows it.",
      }),
    );
  }
}
