/**
 * What the plan and the guide know of a model family, as data: a new family is one entry. How its config is written stands in
 * the presets.
 */
import type { FamilyName } from "./families.ts";
import { archBase, isKnownArch, presetOfArch, presetOfModel } from "./presets/model-presets.ts";
import type { ModelPreset } from "./presets/preset.ts";

export type PlanFamilyName =
  | FamilyName
  | "chroma"
  | "hidream"
  | "lumina2"
  | "qwen_image"
  | "wan21_1b"
  | "wan21_14b"
  | "wan22_14b"
  | "zimage";

export interface PlanFamily {
  readonly name: PlanFamilyName;
  readonly label: string;
  readonly kind: "image" | "video";
  readonly defaultModel: string;
  /** Values of AI Toolkit's `model.arch`, also with the preset behind the colon. */
  readonly archs: readonly string[];
  /** AI Toolkit cuts each side to a multiple of this (its `get_bucket_divisibility`, ai-toolkit 7). */
  readonly bucketStep: number;
  /** Below this the model draws little that is usable. */
  readonly minResolution: number;
  /** What the model was made for; the plan goes no higher. */
  readonly nativeResolution: number;
  readonly learningRate: number;
  /** Under 50 pictures; the same where no lower one is usual. */
  readonly learningRateFewImages: number;
  /** Weights are held in 8 bits by default. */
  readonly quantize: boolean;
  /** AI Toolkit can hold the weights in 8 bits without a visible loss: transformers, not the older U-Nets. */
  readonly canQuantize: boolean;
  /** One sentence for the guide. */
  readonly note: string;
}

const transformer = {
  kind: "image",
  minResolution: 512,
  nativeResolution: 1024,
  learningRate: 1e-4,
  learningRateFewImages: 1e-4,
  quantize: true,
  canQuantize: true,
} as const;

const video = { ...transformer, kind: "video", minResolution: 320 } as const;

export const planFamilies: Readonly<Record<PlanFamilyName, PlanFamily>> = {
  sd15: {
    name: "sd15",
    label: "SD 1.5",
    kind: "image",
    defaultModel: "stable-diffusion-v1-5/stable-diffusion-v1-5",
    archs: ["sd15"],
    bucketStep: 16,
    minResolution: 256,
    nativeResolution: 768,
    learningRate: 2e-4,
    learningRateFewImages: 1.5e-4,
    quantize: false,
    canQuantize: false,
    note: "Small and quick: the family to learn on. 512 is what it was made for; 768 works with good pictures.",
  },
  sdxl: {
    name: "sdxl",
    label: "SDXL",
    kind: "image",
    defaultModel: "stabilityai/stable-diffusion-xl-base-1.0",
    archs: ["sdxl"],
    bucketStep: 16,
    minResolution: 512,
    nativeResolution: 1024,
    learningRate: 2e-4,
    learningRateFewImages: 1.5e-4,
    quantize: false,
    canQuantize: false,
    note: "Made for 1024; at 512 it learns the subject and loses detail. Fine-tunes of it (Pony, Illustrious) want tags instead of sentences.",
  },
  sd3: {
    ...transformer,
    name: "sd3",
    label: "SD 3 and 3.5",
    defaultModel: "stabilityai/stable-diffusion-3.5-large",
    archs: ["sd3"],
    bucketStep: 32,
    note: "Sensitive to the learning rate: when the loss jumps, halve it before anything else.",
  },
  flux: {
    ...transformer,
    name: "flux",
    label: "FLUX.1",
    defaultModel: "black-forest-labs/FLUX.1-dev",
    archs: ["flux"],
    bucketStep: 32,
    note: "Gated on Hugging Face: accept its licence and give the box a token. Learns likeness quickly, so look at samples early. 512 gives a usable result in a quarter of the time of 1024.",
  },
  flex1: {
    ...transformer,
    name: "flex1",
    label: "Flex.1",
    defaultModel: "ostris/Flex.1-alpha",
    archs: ["flex1"],
    bucketStep: 32,
    note: "Open licence, smaller than FLUX.1 and trained like it; guidance embedding is bypassed while training.",
  },
  tiny: {
    name: "tiny",
    label: "tiny (built in)",
    kind: "image",
    defaultModel: "tiny",
    archs: ["tiny"],
    bucketStep: 16,
    minResolution: 16,
    nativeResolution: 64,
    learningRate: 1e-4,
    learningRateFewImages: 1e-4,
    quantize: false,
    canQuantize: false,
    note: "Runs on the CPU, to try the whole way without a GPU. Its pictures are not meant to be used.",
  },
  chroma: {
    ...transformer,
    name: "chroma",
    label: "Chroma",
    defaultModel: "lodestones/Chroma1-Base",
    archs: ["chroma"],
    bucketStep: 32,
    note: "Built on FLUX.1 without the distilled guidance.",
  },
  hidream: {
    ...transformer,
    name: "hidream",
    label: "HiDream",
    defaultModel: "HiDream-ai/HiDream-I1-Full",
    archs: ["hidream"],
    bucketStep: 16,
    learningRate: 2e-4,
    learningRateFewImages: 2e-4,
    note: "Four text encoders make it the largest picture model here; a 48 GB card is the comfortable size.",
  },
  lumina2: {
    ...transformer,
    name: "lumina2",
    label: "Lumina Image 2",
    defaultModel: "Alpha-VLLM/Lumina-Image-2.0",
    archs: ["lumina2"],
    bucketStep: 16,
    quantize: false,
    note: "Small weights, hungry activations: resolution is what fills the card.",
  },
  qwen_image: {
    ...transformer,
    name: "qwen_image",
    label: "Qwen-Image",
    defaultModel: "Qwen/Qwen-Image",
    archs: ["qwen_image", "qwen_image_edit", "qwen_image_edit_plus"],
    bucketStep: 32,
    note: "20 billion weights: at 8 bits it does not fit 24 GB. AI Toolkit's 24 GB example uses 3 bits with an accuracy-recovery adapter and cached text embeddings.",
  },
  wan21_1b: {
    ...video,
    name: "wan21_1b",
    label: "Wan 2.1 1.3B",
    defaultModel: "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    archs: ["wan21:1b"],
    bucketStep: 16,
    nativeResolution: 640,
    quantize: false,
    note: "Video for small cards. Frames cost memory as pictures do: 41 frames are 11 in its latent space.",
  },
  wan21_14b: {
    ...video,
    name: "wan21_14b",
    label: "Wan 2.1 14B",
    defaultModel: "Wan-AI/Wan2.1-T2V-14B-Diffusers",
    archs: ["wan21", "wan21:14b", "wan21_i2v"],
    bucketStep: 16,
    nativeResolution: 640,
    note: "Still pictures teach a look or a person; only clips teach movement.",
  },
  wan22_14b: {
    ...video,
    name: "wan22_14b",
    label: "Wan 2.2 14B",
    defaultModel: "ai-toolkit/Wan2.2-T2V-A14B-Diffusers-bf16",
    archs: ["wan22_14b", "wan22_14b_i2v"],
    bucketStep: 16,
    nativeResolution: 640,
    note: "Two experts, one for much noise and one for little; low_vram keeps only the one that trains on the card. Each save is a pair of files.",
  },
  zimage: {
    ...transformer,
    name: "zimage",
    label: "Z-Image",
    defaultModel: "Tongyi-MAI/Z-Image",
    archs: ["zimage"],
    bucketStep: 16,
    note: "The turbo version trains only with its training adapter.",
  },
};

/** The family of a model by its arch, else by its name; null when neither tells. */
export function planFamilyOf(modelName: string | null, arch: string | null): PlanFamily | null {
  const byName = familyOfPreset(presetOfModel(modelName ?? ""));
  const said = (arch ?? "").trim();
  // An unknown arch is loaded as Stable Diffusion, which says nothing about what the model is.
  if (said === "" || !isKnownArch(said)) return byName;
  const byArch = familyOfPreset(presetOfArch(said));
  // The arch of both sizes of Wan 2.1 is the same; only the name tells them apart.
  const sizes = ["wan21_1b", "wan21_14b"];
  const untagged = !said.includes(":") && sizes.includes(byArch?.name ?? "");
  return untagged && sizes.includes(byName?.name ?? "") ? byName : byArch;
}

function familyOfPreset(preset: ModelPreset | null): PlanFamily | null {
  if (preset === null) return null;
  const all = Object.values(planFamilies);
  return (
    all.find(({ archs }) => archs.includes(preset.arch)) ??
    all.find(({ archs }) => archs.includes(archBase(preset.arch))) ??
    null
  );
}

/** Next lower resolutions that the plan would use, highest first, down to the family's minimum. */
export function resolutionLadder(family: PlanFamily): readonly number[] {
  const { bucketStep, minResolution, nativeResolution } = family;
  const ladder = new Set<number>();
  for (const wanted of [1024, 896, 768, 640, 512, 384, 320, 256, 64, 32]) {
    const side = Math.floor(wanted / bucketStep) * bucketStep;
    if (side <= nativeResolution && side >= minResolution) ladder.add(side);
  }
  ladder.add(minResolution);
  return [...ladder].sort((a, b) => b - a);
}
