import { companionsOf, datasetPathOf, datasetsOf, type JsonObject } from "./ai-toolkit-document.ts";
import { bounds, error, inBounds, type Place, range, shown, warning } from "./finding.ts";

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
    } else if (/(?:^|[/\\])\.\.(?:[/\\]|$)/.test(folder)) {
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

/** Masks and controls are paired with the images by name; one that is missing is passed over in silence there. */
function checkCompanions(
  dataset: JsonObject,
  images: string,
  at: string,
  { facts, add }: Place,
): void {
  for (const { key, folder } of companionsOf(dataset)) {
    const found = facts.companions?.find(
      (fact) => fact.dataset === images && fact.folder === folder,
    );
    if (found === undefined) continue;
    const kind = key === "mask_path" ? "MASK" : key.startsWith("control") ? "CONTROL" : "COMPANION";
    const rest = { field: `${at}.${key}`, value: shown(folder) };
    if (!found.exists) {
      add(
        error(`${kind}_PATH_NOT_FOUND`, "The box has no such folder.", {
          ...rest,
          fix: "Upload the folder as a dataset of its own, or take the key out.",
        }),
      );
    } else if (found.unpaired > 0) {
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
  if (high > 2048) {
    add(
      warning("RESOLUTION_HIGH", "A resolution above 2048 rarely fits in memory.", {
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
