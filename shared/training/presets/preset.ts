/** A part of AI Toolkit's document, under its own keys. */
type Settings = Readonly<Record<string, unknown>>;

export const presetGroups = ["image", "instruction", "video", "audio", "experimental"] as const;
type PresetGroup = (typeof presetGroups)[number];

/** Parts of the toolkit's form that only some models have. `control_path` and the like want a folder of control images. */
type Section =
  | "datasets.audio_normalize"
  | "datasets.audio_preserve_pitch"
  | "datasets.auto_frame_count"
  | "datasets.control_path"
  | "datasets.do_audio"
  | "datasets.do_i2v"
  | "datasets.multi_control_paths"
  | "datasets.num_frames"
  | "ideogram_4_prompt"
  | "model.assistant_lora_path"
  | "model.layer_offloading"
  | "model.low_vram"
  | "model.model_kwargs.kv_cache"
  | "model.multistage"
  | "model.qie.match_target_res"
  | "model.unconditional_lora_path"
  | "sample.ctrl_img"
  | "sample.multi_ctrl_imgs"
  | "train.audio_loss_multiplier";

/** Parts of the form that a model has no use for. */
type HiddenSection =
  | "model.quantize"
  | "model.quantize_te"
  | "network.conv"
  | "train.timestep_type"
  | "train.unload_text_encoder";

interface Sampling {
  /** Of the square pictures it is asked for. */
  readonly side: number;
  readonly guidanceScale: number;
  readonly steps: number;
  readonly frames: number;
  readonly fps: number;
  readonly negative: string;
}

/** Who says how large a card must be: an example of the toolkit, one that holds the weights in fewer bits, or the list of an earlier system. */
export type MemoryBasis = "example" | "example-3-bit" | "example-4-bit" | "earlier-list";

/** One base model and what its training wants. */
export interface ModelPreset {
  /** Its name in lists and as `arch` of a tool; the toolkit's own value, with the tag behind the colon. */
  readonly key: string;
  /** What stands in `model.arch`. The toolkit drops the tag; its UI needs it. */
  readonly arch: string;
  readonly label: string;
  /** Names by which the earlier systems' lists had it. */
  readonly alsoCalled: readonly string[];
  readonly group: PresetGroup;
  /** Hugging Face id, or `owner/repository/file`. */
  readonly path: string;
  /** Its licence has to be accepted on Hugging Face first; null where the source does not say. */
  readonly gated: boolean | null;
  readonly quantize: boolean;
  readonly quantizeTextEncoder: boolean;
  readonly qtype: string;
  readonly qtypeTextEncoder: string;
  readonly lowVram: boolean;
  readonly scheduler: "flowmatch" | "ddpm";
  readonly sampler: "flowmatch" | "ddpm";
  readonly timestepType: "sigmoid" | "linear" | "weighted" | "shift";
  /** Guidance distilled into the model is bypassed while it trains. */
  readonly bypassGuidance: boolean;
  readonly sampling: Sampling;
  /** Resolutions to train at. */
  readonly resolution: readonly number[];
  /** Where the model has a rank of its own; alpha is the same. */
  readonly rank: number | null;
  /** Where it has one of its own. */
  readonly learningRate: number | null;
  /** The network also gets convolution layers. */
  readonly convolution: boolean;
  /** Layers that stay untrained. */
  readonly ignoredLayers: readonly string[];
  /** What else it sets, under the document's keys. */
  readonly network: Settings;
  readonly train: Settings;
  readonly model: Settings;
  readonly dataset: Settings;
  readonly sections: readonly Section[];
  readonly hidden: readonly HiddenSection[];
  /** Kinds of control images that the toolkit makes itself. */
  readonly controls: readonly string[];
  /** Values of `qtype` with an accuracy-recovery adapter made for the model. */
  readonly recovery: readonly string[];
  /** Tags that a sample prompt is made of, where it is not plain text. */
  readonly promptTags: readonly string[];
  /** Every side of a picture is cut to a multiple of this (`get_bucket_divisibility`); null: it draws none. */
  readonly sides: number | null;
  /** Memory of a card on which others trained it, GB; null: nobody says. */
  readonly memory: { readonly gb: number; readonly basis: MemoryBasis } | null;
  readonly source: "ui" | "example" | "trainyard";
}

/**
 * Every preset was read from the toolkit at this commit: the model list of its UI (`ui/src/app/jobs/new/options.tsx`), its
 * examples (`config/examples`) and its model classes.
 */
export const presetCommit = "27a03a91f23eb1b757d5ec2e80ee3e129cfcc350";
export const presetVersion = "0.12.26";

type Given = Omit<Partial<ModelPreset>, "sampling"> &
  Pick<ModelPreset, "arch" | "label" | "path" | "sides"> & {
    readonly sampling?: Partial<Sampling>;
  };

/** What the UI's form holds before a model says otherwise. */
const formSampling: Sampling = {
  side: 1024,
  guidanceScale: 4,
  steps: 30,
  frames: 1,
  fps: 1,
  negative: "",
};

/** The form with nothing chosen: what an entry does not say, the UI leaves as it is here. */
const form = {
  alsoCalled: [],
  group: "image",
  gated: false,
  quantize: false,
  quantizeTextEncoder: false,
  qtype: "qfloat8",
  qtypeTextEncoder: "qfloat8",
  lowVram: false,
  scheduler: "flowmatch",
  sampler: "flowmatch",
  timestepType: "sigmoid",
  bypassGuidance: false,
  resolution: [512, 768, 1024],
  rank: null,
  learningRate: null,
  convolution: true,
  ignoredLayers: [],
  network: {},
  train: {},
  model: {},
  dataset: {},
  sections: [],
  hidden: ["network.conv"],
  controls: [],
  recovery: [],
  promptTags: [],
  memory: null,
  source: "ui",
} as const satisfies Partial<ModelPreset>;

export const eightBits = { quantize: true, quantizeTextEncoder: true } as const;

export const offloading = ["model.low_vram", "model.layer_offloading"] as const;
export const severalControls = [
  "datasets.multi_control_paths",
  "sample.multi_ctrl_imgs",
  ...offloading,
  "model.qie.match_target_res",
] as const;
export const frames = [
  "datasets.num_frames",
  "model.low_vram",
  "datasets.auto_frame_count",
] as const;
export const framesFromPicture = ["sample.ctrl_img", ...frames] as const;
export const videoWithSound = [
  ...framesFromPicture,
  "model.layer_offloading",
  "datasets.do_audio",
  "datasets.audio_normalize",
  "datasets.audio_preserve_pitch",
  "datasets.do_i2v",
  "train.audio_loss_multiplier",
] as const;

export function definePreset(given: Given): ModelPreset {
  return {
    ...form,
    key: given.arch,
    ...given,
    sampling: { ...formSampling, ...given.sampling },
  };
}

/** For an arch that the toolkit knows and its UI does not offer: the bare form. */
export function plainPreset(arch: string, scheduler: "flowmatch" | "ddpm"): ModelPreset {
  return definePreset({ arch, label: arch, path: "", sides: null, scheduler, sampler: scheduler });
}
