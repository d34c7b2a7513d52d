import { AppError } from "@trainyard/shared/errors.ts";
import { resolveDataset } from "../datasets/dataset-folder.ts";
import type { PrepareRequest } from "./trainer.ts";

export type JsonObject = Record<string, unknown>;

export interface BoxDocument {
  readonly document: JsonObject;
  /** Inside `document`. */
  readonly config: JsonObject;
  readonly processes: readonly JsonObject[];
}

/** Keys of a dataset that name a folder of pictures; each is a dataset of this box (config_modules.py `DatasetConfig`). */
const datasetFolders = [
  "folder_path",
  "dataset_path",
  "mask_path",
  "inpaint_path",
  "unconditional_path",
  "clip_image_path",
  "control_path",
  "control_path_1",
  "control_path_2",
  "control_path_3",
] as const;

/**
 * A copy of AI Toolkit's document with this box's folders in the place of the virtual ones. The config's name becomes that of the
 * job's own folder, because the trainer makes its folder of it. Throws CONFIG_INVALID, DATASET_NOT_FOUND and what names are
 * refused with.
 */
export function onThisBox({ document, home, files, outputName }: PrepareRequest): BoxDocument {
  const copy = structuredClone(document) as JsonObject;
  const config = copy["config"];
  if (!isObject(config)) throw notAConfig("config");
  const processes = config["process"];
  if (!Array.isArray(processes) || !processes.every(isObject)) throw notAConfig("config.process");
  config["name"] = outputName;
  for (const one of processes) {
    one["training_folder"] = home.outputs;
    one["sqlite_db_path"] = files.jobTable;
    for (const dataset of objectsAt(one, "datasets")) {
      for (const key of datasetFolders) {
        const folder = dataset[key];
        // Null and "" stand for "not given" in AI Toolkit's own configs.
        if (folder === undefined || folder === null || folder === "") continue;
        dataset[key] = Array.isArray(folder)
          ? folder.map((part: unknown) => resolveDataset(home, part))
          : resolveDataset(home, folder);
      }
    }
  }
  return { document: copy, config, processes };
}

/** Whether the trainer keeps its metrics in a database, and every how many steps a row goes into it. */
export function metricsOf(process: JsonObject): { readonly kept: boolean; readonly every: number } {
  const logging = objectAt(process, "logging");
  const every = logging["log_every"];
  return {
    kept: logging["use_ui_logger"] !== false,
    every: typeof every === "number" && Number.isInteger(every) && every > 0 ? every : 1,
  };
}

export function objectsAt(parent: JsonObject, key: string): readonly JsonObject[] {
  const list = parent[key];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

/** An empty object where there is none; it is not put into the parent. */
export function objectAt(parent: JsonObject, key: string): JsonObject {
  const value = parent[key];
  return isObject(value) ? value : {};
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notAConfig(field: string): AppError {
  return new AppError("CONFIG_INVALID", `The config has no usable ${field}.`, {
    hint: "Make the config with create-training-config, or check it with validate-training-config.",
  });
}
