import { type JsonObject, objectAt, readAiToolkitDocument } from "./ai-toolkit-document.ts";
import { familyOfArch, familyOfModelName, isFluxName } from "./families.ts";
import { error, type Place, shown, warning } from "./finding.ts";
import {
  archBase,
  isKnownArch,
  modelPresets,
  presetCalled,
  presetOfModel,
} from "./presets/model-presets.ts";
import type { ModelPreset } from "./presets/preset.ts";

export function checkModel(process: JsonObject, { path, tiny, facts, add }: Place): void {
  const summary = readAiToolkitDocument({ config: { process: [process] } });
  const { modelName, arch } = summary;
  const field = `${path}.model.name_or_path`;
  if (modelName === null) {
    return add(
      error("MISSING_MODEL_NAME", "No base model is named.", {
        field,
        fix: "Set `model.name_or_path`, for example to ostris/Flex.1-alpha.",
      }),
    );
  }
  if (tiny) return;
  if (/^file:|^\\\\|^\/\/|(?:^|[/\\])\.\.(?:[/\\]|$)/i.test(modelName)) {
    add(
      error("INVALID_MODEL_REF", "This is not a model reference.", {
        field,
        fix: "Give a Hugging Face id (owner/name) or the name of a model on the box.",
      }),
    );
  }
  checkModelFormats(process, path, add);
  const flux = isFluxName(modelName);
  // The box looked for the first process's model.
  const model = path.endsWith("process[0]") ? facts.model : undefined;
  if (flux && /\.(?:safetensors|gguf|sft)$/i.test(modelName)) {
    add(
      error(
        "FLUX_MODEL_FILE_NOT_ALLOWED",
        "A Flux or Flex model cannot be trained from a single file.",
        {
          field,
          value: shown(modelName),
          fix: "Use the folder or the Hugging Face id, for example ostris/Flex.1-alpha.",
        },
      ),
    );
  }
  if (flux && model?.directoryValid === false) {
    add(
      error(
        "FLUX_MODEL_DIR_INVALID",
        "The model folder has no model_index.json or transformer/config.json.",
        {
          field,
          fix: "Download the whole diffusers folder, or use the Hugging Face id.",
        },
      ),
    );
  }
  if (model?.resolved === false) {
    add(
      warning(
        "MODEL_PATH_UNRESOLVED",
        "The box has no model of this name; it will be looked for on the hub.",
        {
          field,
          value: shown(modelName),
          fix: "Check the name with list-comfyui-models, or give the full Hugging Face id.",
        },
      ),
    );
  }
  checkArch(modelName, arch, `${path}.model.arch`, add);
  if (flux && summary.lowVram === false) {
    add(
      warning(
        "LOW_VRAM_DISABLED_FOR_FLUX",
        "Flux without low_vram needs more than 24 GB of GPU memory.",
        {
          field: `${path}.model.low_vram`,
          value: false,
          fix: "Set `model.low_vram` to true unless the GPU is large.",
        },
      ),
    );
  }
}

/** AI Toolkit never refuses an arch: an unknown or missing one loads as Stable Diffusion and fails there. */
function checkArch(modelName: string, arch: string | null, field: string, add: Place["add"]): void {
  const named = presetOfModel(modelName);
  const fix =
    named === null ? "Check `model.arch`." : `Set \`model.arch\` to "${archBase(named.arch)}".`;
  const rest = { field, ...(arch === null ? {} : { value: shown(arch) }), fix };
  const verdict = judgeArch(modelName, arch, named);
  if (verdict === "mismatch") {
    add(error("MODEL_ARCH_MISMATCH", "The arch does not fit the model.", rest));
  } else if (verdict !== null) {
    add(warning("MODEL_ARCH_UNEXPECTED", archWarnings[verdict], rest));
  }
}

const archWarnings = {
  "other-name": "The model's name says another kind of model than the arch does.",
  unknown: "AI Toolkit knows no such arch and would load Stable Diffusion.",
  guess: "The model's name does not tell its family; it is trained as SD 1.5.",
} as const;

function judgeArch(
  modelName: string,
  arch: string | null,
  named: ModelPreset | null,
): "mismatch" | keyof typeof archWarnings | null {
  // The toolkit's own default for a config without an arch.
  const base = archBase(arch ?? "sd1");
  const known = isKnownArch(base);
  if (isFluxName(modelName) && (arch === null || !known || stableDiffusion.has(base))) {
    return "mismatch";
  }
  if (named === null) {
    return !known ? "unknown" : arch !== null && isSd15(base) ? "guess" : null;
  }
  if (sharesPath(modelName, base) || sameLoader(base, archBase(named.arch))) return null;
  if (!known) return "unknown";
  const sure = presetCalled(modelName) !== null || arch === null;
  const figured = familyOfArch(base) !== null && familyOfModelName(modelName) !== null;
  return sure || figured ? "mismatch" : "other-name";
}

/** Loaded by the one class for everything before the transformers. */
const stableDiffusion: ReadonlySet<string> = new Set(["sd1", "sd15", "sd2", "sd3", "sdxl"]);

function isSd15(base: string): boolean {
  return base === "sd15" || base === "sd1";
}

/** The toolkit loads Flex.1 with the code for FLUX.1, and calls SD 1.5 by two names. */
function sameLoader(one: string, other: string): boolean {
  const pair = [one, other];
  return (
    one === other || pair.every((base) => base === "flux" || base === "flex1") || pair.every(isSd15)
  );
}

/** Some paths are the base model of several entries. */
function sharesPath(modelName: string, base: string): boolean {
  const path = modelName.trim().toLowerCase();
  return modelPresets.some(
    (preset) => preset.path.toLowerCase() === path && archBase(preset.arch) === base,
  );
}

/** By its ending. Pickled weights run code when they are loaded. */
export function isPickledModel(name: string): boolean {
  return /\.(?:ckpt|pt|pth|bin|pkl|pickle)$/i.test(name);
}

function checkModelFormats(process: JsonObject, path: string, add: Place["add"]): void {
  const model = objectAt(process, "model");
  const places: [string, unknown][] = [
    ...modelFileKeys.map((key): [string, unknown] => [`${path}.model.${key}`, model[key]]),
    ...otherFileKeys.map(([section, key]): [string, unknown] => [
      `${path}.${section}.${key}`,
      objectAt(process, section)[key],
    ]),
  ];
  for (const [field, value] of places) {
    if (typeof value !== "string" || !isPickledModel(value)) continue;
    add(
      error(
        "UNSAFE_MODEL_FORMAT",
        "Only safetensors weights are loaded: this format can run code.",
        {
          field,
          value: shown(value),
          fix: "Convert the file to .safetensors, or use a folder or Hugging Face id.",
        },
      ),
    );
  }
}

const modelFileKeys = [
  "name_or_path",
  "extras_name_or_path",
  "assistant_lora_path",
  "inference_lora_path",
  "unconditional_lora_path",
  "lora_path",
  "vae_path",
  "te_name_or_path",
  "unet_path",
  "refiner_name_or_path",
  "accuracy_recovery_adapter",
];

const otherFileKeys = [
  ["network", "pretrained_lora_path"],
  ["adapter", "name_or_path"],
  ["adapter", "image_encoder_path"],
  ["train", "adapter_assist_name_or_path"],
  ["train", "diffusion_feature_extractor_path"],
  ["train", "latent_feature_extractor_path"],
] as const;
