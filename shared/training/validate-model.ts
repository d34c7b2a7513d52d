import { type JsonObject, objectAt, readAiToolkitDocument } from "./ai-toolkit-document.ts";
import { familyOfArch, familyOfModelName, isFluxArch, isFluxName, knownArchs } from "./families.ts";
import { error, type Place, shown, warning } from "./finding.ts";

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
  if (flux && facts.model?.directoryValid === false) {
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
  if (facts.model?.resolved === false) {
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
  const byName = familyOfModelName(modelName);
  const byArch = familyOfArch(arch);
  const fluxTaken = isFluxName(modelName) && !isFluxArch(arch);
  // The peer wrote flex1 for FLUX.1 too, and the toolkit loads both with the same code.
  const bothFlux = isFluxName(modelName) && isFluxArch(arch);
  // Models of other makers that build on a family have arches of their own.
  const foreign = arch !== null && byArch === null && knownArchs.has(arch.split(":", 1)[0] ?? "");
  const misfit =
    fluxTaken ||
    (byName !== null && byArch !== null && byName !== byArch && !bothFlux) ||
    (byName !== null && arch === null && byName.name !== "sd15");
  if (misfit && !foreign) {
    add(
      error("MODEL_ARCH_MISMATCH", "The arch does not fit the model.", {
        field,
        ...(arch === null ? {} : { value: shown(arch) }),
        fix: byName
          ? `Set \`model.arch\` to "${byName.arch}".`
          : "Set `model.arch` to the model's own.",
      }),
    );
  } else if (arch !== null && !knownArchs.has(arch.split(":", 1)[0] ?? "")) {
    add(
      warning(
        "MODEL_ARCH_UNEXPECTED",
        "AI Toolkit knows no such arch and would load Stable Diffusion.",
        {
          field,
          value: shown(arch),
          fix: byName ? `Set \`model.arch\` to "${byName.arch}".` : "Check `model.arch`.",
        },
      ),
    );
  } else if (foreign && fluxTaken) {
    add(
      warning(
        "MODEL_ARCH_UNEXPECTED",
        "The model's name says Flux or Flex and the arch does not.",
        {
          field,
          value: shown(arch),
          fix: "Check `model.arch`.",
        },
      ),
    );
  } else if (byName === null && byArch?.name === "sd15") {
    add(
      warning(
        "MODEL_ARCH_UNEXPECTED",
        "The model's name does not tell its family; it is trained as SD 1.5.",
        {
          field,
          value: shown(arch ?? ""),
          fix: "Set `model.arch` if it is of another family.",
        },
      ),
    );
  }
}

/** Pickled weights run code when they are loaded. */
function checkModelFormats(process: JsonObject, path: string, add: Place["add"]): void {
  const model = objectAt(process, "model");
  const network = objectAt(process, "network");
  const places: [string, unknown][] = [
    ...modelFileKeys.map((key): [string, unknown] => [`${path}.model.${key}`, model[key]]),
    [`${path}.network.pretrained_lora_path`, network["pretrained_lora_path"]],
  ];
  for (const [field, value] of places) {
    if (typeof value !== "string" || !/\.(?:ckpt|pt|pth|bin|pkl|pickle)$/i.test(value)) continue;
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
];
