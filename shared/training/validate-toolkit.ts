/**
 * What AI Toolkit itself ends a job for, some after minutes of loading a model, and what it takes in silence for something else
 * (commit 27a03a91: toolkit/config_modules.py, toolkit/optimizer.py, toolkit/sampler.py, extensions_built_in).
 */
import { nearestName } from "../tools/nearest-name.ts";
import { datasetsOf, isObject, type JsonObject, objectAt } from "./ai-toolkit-document.ts";
import { error, type Place, shown, warning } from "./finding.ts";
import { archBase } from "./presets/model-presets.ts";

export function checkToolkit(process: JsonObject, place: Place): void {
  checkType(process, place);
  if (place.tiny) return;
  checkConflicts(process, place);
  checkChoices(process, place);
  checkTextCaching(process, place);
}

/** Process types that train and leave a model: the uids of the extensions, and those of jobs/TrainJob.py. */
export const trainingTypes: readonly string[] = [
  "diffusion_trainer",
  "sd_trainer",
  "ui_trainer",
  "textual_inversion_trainer",
  "concept_slider",
  "ultimate_slider_trainer",
  "image_reference_slider_trainer",
  "concept_replacer",
];

function checkType(process: JsonObject, { path, add }: Place): void {
  const type = process["type"];
  // The earlier systems' raw configs leave it out; it is put in when a config is saved.
  if (type === undefined || type === null) return;
  const field = `${path}.type`;
  if (typeof type !== "string" || !trainingTypes.includes(type)) {
    const nearest = typeof type === "string" ? nearestName(type, trainingTypes) : null;
    return add(
      error("UNKNOWN_PROCESS_TYPE", "This is no training that leaves a model.", {
        field,
        value: shown(type),
        fix: `Use "${nearest ?? "diffusion_trainer"}".`,
      }),
    );
  }
  if (type !== "ui_trainer") return;
  add(
    warning(
      "LEGACY_PROCESS_TYPE",
      "ui_trainer needs the web UI's database; it is run as diffusion_trainer.",
      {
        field,
        value: type,
        fix: 'Write "diffusion_trainer".',
      },
    ),
  );
}

/** Settings that exclude each other; each pair is a ValueError of the toolkit. */
function checkConflicts(process: JsonObject, { path, add }: Place): void {
  const train = objectAt(process, "train");
  const model = objectAt(process, "model");
  const found = (code: string, message: string, field: string, fix: string): void =>
    add(error(code, message, { field: `${path}.${field}`, fix }));
  const steps = train["gradient_accumulation_steps"];
  if (Number(train["gradient_accumulation"] ?? 1) > 1 && (steps ?? 1) !== 1) {
    found(
      "ACCUMULATION_CONFLICT",
      "gradient_accumulation and gradient_accumulation_steps exclude each other.",
      "train.gradient_accumulation_steps",
      "Remove gradient_accumulation_steps.",
    );
  }
  if (isOn(train["diff_output_preservation"]) && !hasTrigger(process)) {
    found(
      "PRESERVATION_NEEDS_TRIGGER",
      "diff_output_preservation needs a trigger word.",
      "train.diff_output_preservation",
      "Set trigger_word, or switch it off.",
    );
  }
  if (isOn(train["diff_output_preservation"]) && isOn(train["blank_prompt_preservation"])) {
    found(
      "PRESERVATION_CONFLICT",
      "diff_output_preservation and blank_prompt_preservation exclude each other.",
      "train.blank_prompt_preservation",
      "Switch one of them off.",
    );
  }
  if (isOn(train["bypass_guidance_embedding"]) && isOn(train["do_guidance_loss"])) {
    found(
      "GUIDANCE_CONFLICT",
      "bypass_guidance_embedding and do_guidance_loss exclude each other.",
      "train.bypass_guidance_embedding",
      "Switch one of them off.",
    );
  }
  const recovery =
    typeof model["accuracy_recovery_adapter"] === "string" ||
    (typeof model["qtype"] === "string" && model["qtype"].includes("|"));
  if (recovery && typeof model["assistant_lora_path"] === "string") {
    found(
      "RECOVERY_CONFLICT",
      "An accuracy-recovery adapter and an assistant LoRA exclude each other.",
      "model.qtype",
      "Use a plain qtype such as qfloat8, or remove assistant_lora_path.",
    );
  }
  const arch = typeof model["arch"] === "string" ? archBase(model["arch"]) : "";
  const seesControls = arch === "qwen_image_edit" || arch === "boogu_image_edit";
  if (seesControls && isOn(train["unload_text_encoder"])) {
    found(
      "TEXT_ENCODER_NEEDED",
      "The text encoder of this model sees the control images and cannot be unloaded.",
      "train.unload_text_encoder",
      "Switch it off; cache_text_embeddings may stay.",
    );
  }
}

/** Only null is "none" to the toolkit; a dataset may have one of its own. */
function hasTrigger(process: JsonObject): boolean {
  const own = datasetsOf(process).map((dataset) => dataset["trigger_word"]);
  return [process["trigger_word"], ...own].some((word) => word !== undefined && word !== null);
}

const optimizers = [
  "adafactor",
  "adagrad",
  "adam",
  "adam8",
  "adam8bit",
  "adamw",
  "adamw8",
  "adamw8bit",
  "ademamix8bit",
  "automagic",
  "automagic2",
  "automagic3",
  "automagicexperiment",
  "dadaptation",
  "dadaptationadam",
  "dadaptationlion",
  "lion",
  "lion8bit",
  "prodigy",
  "prodigy8bit",
];

const samplers = [
  "custom_lcm",
  "ddim",
  "ddpm",
  "dpm_2",
  "dpm_2_a",
  "dpmsingle",
  "dpmsolver",
  "dpmsolver++",
  "euler",
  "euler_a",
  "flowmatch",
  "heun",
  "lcm",
  "lms",
  "mean_flow",
  "pndm",
];

/** Words that the toolkit looks up. */
function checkChoices(process: JsonObject, place: Place): void {
  const train = objectAt(process, "train");
  checkChoice("UNKNOWN_OPTIMIZER", train["optimizer"], "train.optimizer", optimizers, place);
  for (const [section, key] of [
    ["train", "noise_scheduler"],
    ["sample", "sampler"],
  ] as const) {
    const value = objectAt(process, section)[key];
    const plain = typeof value === "string" ? value.replace(/^k_/, "") : value;
    checkChoice("UNKNOWN_SAMPLER", plain, `${section}.${key}`, samplers, place);
  }
  const format = objectAt(process, "save")["save_format"];
  checkChoice(
    "SAVE_FORMAT_INVALID",
    format,
    "save.save_format",
    ["safetensors", "diffusers"],
    place,
  );
  checkEightBits(train["optimizer"], place);
  for (const [index, dataset] of datasetsOf(process).entries()) {
    if (dataset["poi"] === undefined || dataset["poi"] === null) continue;
    place.add(
      error("SETTING_REMOVED", "AI Toolkit no longer knows points of interest.", {
        field: `${place.path}.datasets[${index}].poi`,
        fix: "Remove it.",
      }),
    );
  }
}

function checkChoice(
  code: string,
  value: unknown,
  field: string,
  known: readonly string[],
  { path, add }: Place,
): void {
  if (value === undefined || value === null) return;
  const wanted = typeof value === "string" ? value.toLowerCase() : "";
  if (known.includes(wanted)) return;
  const nearest = nearestName(wanted, known);
  add(
    error(code, "AI Toolkit knows no such value and ends the job.", {
      field: `${path}.${field}`,
      value: shown(value),
      fix: nearest === null ? `Use one of ${known.join(", ")}.` : `Did you mean "${nearest}"?`,
    }),
  );
}

/** bitsandbytes; `adam8` and `adamw8` are the toolkit's own and run anywhere. */
function checkEightBits(optimizer: unknown, { path, facts, add }: Place): void {
  if (facts.cuda !== false || typeof optimizer !== "string") return;
  if (!/^(?:adam|adamw|lion|ademamix)8bit$/i.test(optimizer)) return;
  add(
    error("OPTIMIZER_NEEDS_CUDA", "The box has no NVIDIA GPU, which this optimizer needs.", {
      field: `${path}.train.optimizer`,
      value: optimizer,
      fix: 'Use "adamw".',
    }),
  );
}

function checkTextCaching(process: JsonObject, { path, add }: Place): void {
  // Set for the training it is set for every dataset.
  if (isOn(objectAt(process, "train")["cache_text_embeddings"])) return;
  const datasets = datasetsOf(process);
  const cached = datasets.map((dataset) => isOn(dataset["cache_text_embeddings"]));
  if (!cached.includes(true) || !cached.includes(false)) return;
  add(
    error("TEXT_CACHING_MIXED", "Either every dataset caches its text embeddings, or none does.", {
      field: `${path}.datasets[${cached.indexOf(false)}].cache_text_embeddings`,
      fix: "Set train.cache_text_embeddings, which holds for all.",
    }),
  );
}

/** As Python takes it. */
function isOn(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== "";
}

/** Flags inside a sample prompt; what follows an unknown one is cut off in silence. */
export function checkPromptFlags(process: JsonObject, { path, tiny, add }: Place): void {
  if (tiny) return;
  const sample = objectAt(process, "sample");
  const lists = [
    ["samples", sample["samples"]],
    ["prompts", sample["prompts"]],
  ] as const;
  for (const [key, list] of lists) {
    if (!Array.isArray(list)) continue;
    for (const [index, item] of list.entries()) {
      const prompt: unknown = isObject(item) ? item["prompt"] : item;
      if (typeof prompt !== "string") continue;
      const unknown = prompt
        .split("--")
        .slice(1)
        .map((piece) => piece.split(" ", 1)[0] ?? "")
        .find((flag) => !promptFlags.has(flag.trim()));
      if (unknown === undefined) continue;
      add(
        warning(
          "PROMPT_CUT",
          "AI Toolkit takes `--` in a sample prompt for a flag and cuts off what follows.",
          {
            field: `${path}.sample.${key}[${index}]`,
            fix: "Write it without two dashes.",
          },
        ),
      );
    }
  }
}

const promptFlags: ReadonlySet<string> = new Set(
  (
    "p2 n n2 w h d seed l cfg s steps m network_multiplier gr a ref ev extra_values frames num_frames fps ctrl_img " +
    "ctrl_idx"
  ).split(" "),
);
