import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetFile } from "@trainyard/shared/names.ts";
import { trainingTypes } from "@trainyard/shared/training/validate-toolkit.ts";
import { refuseUnloadable } from "../../models/loadable-file.ts";
import { resolveModel } from "../../models/resolve-model.ts";
import { plainPathInside } from "../../safe-path.ts";
import { isObject, objectAt, objectsAt, onThisBox } from "../box-document.ts";
import type { JsonObject } from "../box-document.ts";
import type { PrepareRequest } from "../trainer.ts";

export interface ToolkitDocument {
  readonly document: JsonObject;
  /** The one training of the document. */
  readonly process: JsonObject;
  /** The checkpoints' names begin with it. */
  readonly fileStem: string;
  /** All of them must be there at the end; none named: one of any ending. */
  readonly finalFiles: readonly string[];
}

/**
 * What trains and leaves a checkpoint (the extensions' uids and jobs/TrainJob.py at 27a03a91). A captioner, a generator or a tagger
 * ends well without one, which here would be a failure.
 */
const trainings: ReadonlySet<unknown> = new Set(trainingTypes);

/** `diffusion_trainer` is `sd_trainer` and answers requests; the toolkit's own UI turns the legacy `ui_trainer` into it. */
const superseded: ReadonlySet<unknown> = new Set(["sd_trainer", "ui_trainer"]);

/**
 * The document as AI Toolkit is to read it on this box. `modelRoots`: folders in which a model's name may be found. Throws
 * CONFIG_INVALID, MODEL_NOT_FOUND, MODEL_CORRUPT, UNSAFE_MODEL_FORMAT and what datasets are refused with.
 */
export async function toolkitDocument(
  request: PrepareRequest,
  modelRoots: readonly string[],
): Promise<ToolkitDocument> {
  const { document, config, processes } = onThisBox(request);
  const [process] = processes;
  if (process === undefined || processes.length !== 1) {
    throw invalid(
      `The config has ${processes.length} processes; a job trains one.`,
      "Make one config of each process.",
    );
  }
  // The earlier systems' raw configs leave it out.
  process["type"] ??= "diffusion_trainer";
  if (!trainings.has(process["type"])) {
    throw invalid(
      "The config's process is not a training that leaves a model.",
      `Use type diffusion_trainer. Known are: ${[...trainings].join(", ")}.`,
    );
  }
  document["job"] ??= "extension";
  if (document["job"] !== "extension" && document["job"] !== "train") {
    throw invalid("The config's job is no training.", "Use job: extension.");
  }
  if (superseded.has(process["type"])) process["type"] = "diffusion_trainer";
  process["logging"] ??= { log_every: 1, use_ui_logger: true };
  if (process["log_dir"] !== undefined && process["log_dir"] !== null) {
    process["log_dir"] = join(request.home.outputs, request.outputName, "tensorboard");
  }
  setEmptyNegative(process);
  await placeModels(process, modelRoots);
  placePictures(process, request);
  refuseOtherPaths(document);
  return { document, process, ...filesOf(process, String(config["name"])) };
}

/** Left out it is `false`, which today's tokenizers refuse (found by running Stable Diffusion 1.5 at 27a03a91). */
function setEmptyNegative(process: JsonObject): void {
  const sample = process["sample"];
  if (isObject(sample) && (sample["neg"] === undefined || sample["neg"] === false))
    sample["neg"] = "";
}

/** Keys whose value is a model: a file or folder of this box, or a name on the hub (config_modules.py). */
const modelKeys: readonly (readonly [section: string, keys: readonly string[]])[] = [
  [
    "model",
    [
      "name_or_path",
      "extras_name_or_path",
      "te_name_or_path",
      "vae_path",
      "unet_path",
      "lora_path",
      "assistant_lora_path",
      "inference_lora_path",
      "unconditional_lora_path",
      "refiner_name_or_path",
    ],
  ],
  ["network", ["pretrained_lora_path"]],
  ["adapter", ["name_or_path", "image_encoder_path"]],
];

async function placeModels(process: JsonObject, roots: readonly string[]): Promise<void> {
  for (const [section, keys] of modelKeys) {
    const holder = objectAt(process, section);
    for (const key of keys) {
      const name = holder[key];
      if (typeof name === "string" && name !== "")
        holder[key] = await modelOnBox(name, roots, `${section}.${key}`);
    }
  }
  const paths = objectAt(objectAt(process, "model"), "model_paths");
  for (const [key, name] of Object.entries(paths)) {
    if (typeof name === "string" && name !== "")
      paths[key] = await modelOnBox(name, roots, `model.model_paths.${key}`);
  }
}

/** `owner/repository/file.safetensors`: several of the UI's entries name one file of a repository. */
const hubFile = /^[\w.-]{1,96}\/[\w.-]{1,96}(?:\/[\w.-]{1,128}){1,4}$/;

async function modelOnBox(name: string, roots: readonly string[], field: string): Promise<string> {
  const found = await resolveModel(name, roots);
  switch (found.kind) {
    case "file":
      refuseUnloadable(found.path, field);
      return found.path;
    case "folder":
      return found.path;
    case "hub":
      return found.name;
    case "ambiguous":
      throw new AppError("MODEL_NOT_FOUND", "Several models of this box have that name.", {
        hint: "Name it with its folder, as details.candidates shows them.",
        details: { field, candidates: found.candidates },
      });
    case "missing":
      if (found.reason === "not-found" && hubFile.test(name)) return name;
      throw new AppError(
        "MODEL_NOT_FOUND",
        found.reason === "outside-roots"
          ? "That model lies outside the folders that this box's policy names."
          : "This box has no model of that name.",
        {
          hint: "Give a Hugging Face id such as owner/name, or a file below a folder of policy.json (model_roots) or COMFYUI_MODEL_ROOTS; list-comfyui-models shows what is there.",
          details: { field },
        },
      );
  }
}

/** Pictures that a sample or a validation starts from: files of a dataset. */
function placePictures(process: JsonObject, { home }: PrepareRequest): void {
  const place = (holder: JsonObject, key: string): void => {
    const value = holder[key];
    if (value === undefined || value === null || value === "") return;
    holder[key] = plainPathInside(home.datasets, parseDatasetFile(value));
  };
  for (const sample of objectsAt(objectAt(process, "sample"), "samples")) {
    for (const key of ["ctrl_img", "ctrl_img_1", "ctrl_img_2", "ctrl_img_3"]) place(sample, key);
  }
  const validation = objectAt(objectAt(process, "train"), "validation_config");
  for (const item of objectsAt(validation, "validation_items")) place(item, "image_path");
}

/** Set above, to places of this box. */
const placed: ReadonlySet<string> = new Set([
  "training_folder",
  "sqlite_db_path",
  "log_dir",
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
  "image_path",
  ...modelKeys.flatMap(([, keys]) => keys),
]);

/** Some extension may read or write by a key that is not known here: an absolute path stands only where it was put. */
function refuseOtherPaths(value: unknown, field = ""): void {
  if (Array.isArray(value)) {
    for (const [index, entry] of value.entries()) refuseOtherPaths(entry, `${field}[${index}]`);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, entry] of Object.entries(value)) {
    const at = field === "" ? key : `${field}.${key}`;
    if (key === "model_paths" || placed.has(key)) continue;
    if (/(?:^|_)(?:path|paths|folder|dir|file|files)$/.test(key) && leadsOut(entry)) {
      throw new AppError("PATH_ESCAPE", "The config names a path that is not known here.", {
        hint: `Leave ${at.slice(0, 200)} out, or name a dataset or model where the toolkit takes one.`,
        details: { field: at.slice(0, 200) },
      });
    }
    refuseOtherPaths(entry, at);
  }
}

function leadsOut(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(leadsOut);
  return (
    typeof value === "string" &&
    (/^(?:[/\\~]|[a-z]:[/\\])/i.test(value) || value.split(/[/\\]/).includes(".."))
  );
}

/** Two transformers give two files (wan22_14b_model.py); an embedding alone is named after its trigger; adapters have endings. */
function filesOf(
  process: JsonObject,
  name: string,
): Pick<ToolkitDocument, "fileStem" | "finalFiles"> {
  const model = objectAt(process, "model");
  const arch = typeof model["arch"] === "string" ? model["arch"].split(":", 1)[0] : "";
  const network = process["network"];
  const twoStages = arch === "wan22_14b" || arch === "wan22_14b_i2v";
  if (twoStages && isObject(network) && network["split_multistage_loras"] !== false) {
    const kwargs = objectAt(model, "model_kwargs");
    const stages = ["high_noise", "low_noise"].filter(
      (stage) => kwargs[`train_${stage}`] !== false,
    );
    return {
      fileStem: name,
      finalFiles: stages.map((stage) => `${name}_${stage}.safetensors`),
    };
  }
  const trigger = objectAt(process, "embedding")["trigger"];
  const fileStem = !isObject(network) && typeof trigger === "string" ? trigger : name;
  return { fileStem, finalFiles: [] };
}

function invalid(message: string, hint: string): AppError {
  return new AppError("CONFIG_INVALID", message, { hint });
}
