/**
 * GPU memory that a LoRA training needs, before this box has measured anything. A law with few numbers instead of a grid: a
 * grid would have to invent most of its cells. Own measurements outweigh it (`learn-memory.ts`).
 *
 *   while training = weights + text encoders + context + activations x megapixels + adapter x rank
 *   while loading  = all weights in 16 bits, where they are quantised on the card (no low_vram)
 *
 * with gradient checkpointing and an 8-bit optimiser, as create-training-config writes it.
 */
import type { PlanFamilyName } from "./plan-families.ts";
import { megapixels, type TrainingLoad } from "./plan-load.ts";

export interface MemoryRow {
  /** Trained weights, billions. */
  readonly billions: number;
  /** All text encoders together, billions. */
  readonly textEncoderBillions: number;
  /** GiB for each megapixel that passes at once. */
  readonly activationGib: number;
  /** Two experts of `billions / 2`, of which low_vram keeps one on the card. */
  readonly experts?: true;
  /** `published`: the law meets figures that others published, in `publishedPeaks`. `estimate`: nobody's figure. */
  readonly basis: "published" | "estimate";
  readonly source: string;
}

/** Null: trains without a GPU. */
export const memoryTable: Readonly<Record<PlanFamilyName, MemoryRow | null>> = {
  sd15: {
    billions: 0.86,
    textEncoderBillions: 0.12,
    activationGib: 12,
    basis: "estimate",
    source: "weights of the model card; activations set so that 512 stays below diffusers' 11 GB",
  },
  sdxl: {
    billions: 2.57,
    textEncoderBillions: 0.82,
    activationGib: 4,
    basis: "published",
    source: "diffusers' SDXL example: less than 16 GB with gradient checkpointing and 8-bit Adam",
  },
  sd3: {
    billions: 8.1,
    textEncoderBillions: 5.5,
    activationGib: 5,
    basis: "published",
    source: "AI Toolkit's example train_lora_sd35_large_24gb (1024, 8 bits)",
  },
  flux: {
    billions: 12,
    textEncoderBillions: 4.9,
    activationGib: 5,
    basis: "published",
    source: "SimpleTuner's FLUX quickstart (rank 16) and AI Toolkit's FAQ (24 GB)",
  },
  flex1: {
    billions: 8.2,
    textEncoderBillions: 4.9,
    activationGib: 5,
    basis: "published",
    source: "AI Toolkit's example train_lora_flex_24gb (512 to 1024, 8 bits)",
  },
  tiny: null,
  chroma: {
    billions: 8.9,
    textEncoderBillions: 4.7,
    activationGib: 5,
    basis: "published",
    source: "AI Toolkit's example train_lora_chroma_24gb (512 to 1024, 8 bits)",
  },
  hidream: {
    billions: 17,
    textEncoderBillions: 13.5,
    activationGib: 5,
    basis: "published",
    source: "AI Toolkit's example train_lora_hidream_48 (about 35.2 GB)",
  },
  lumina2: {
    billions: 2.6,
    textEncoderBillions: 2.6,
    activationGib: 10,
    basis: "published",
    source: "AI Toolkit's example train_lora_lumina (20 GB or more)",
  },
  qwen_image: {
    billions: 20.4,
    textEncoderBillions: 8.3,
    activationGib: 5,
    basis: "estimate",
    source: "weights of the model card; activations as FLUX.1",
  },
  wan21_1b: {
    billions: 1.42,
    textEncoderBillions: 5.7,
    activationGib: 1.9,
    basis: "published",
    source: "AI Toolkit's example train_lora_wan21_1b_24gb (632, 40 frames)",
  },
  wan21_14b: {
    billions: 14.3,
    textEncoderBillions: 5.7,
    activationGib: 1.9,
    basis: "estimate",
    source:
      "weights of the model card; activations set so that AI Toolkit's 24 GB example fits with its text encoder unloaded",
  },
  wan22_14b: {
    billions: 28.6,
    textEncoderBillions: 5.7,
    activationGib: 1.9,
    experts: true,
    basis: "estimate",
    source: "weights of the model card; activations as Wan 2.1",
  },
  zimage: {
    billions: 6.2,
    textEncoderBillions: 4,
    activationGib: 5,
    basis: "estimate",
    source: "weights of the model card; activations as FLUX.1",
  },
};

/** How far the law may be off, as a part of its value: published rows meet their figures within this. */
export const staticUncertaintyPct = { published: 20, estimate: 35 } as const;

const gib = 1_073_741_824;
/** CUDA context, VAE and the allocator's slack. */
const contextGib = 0.8;
/** Scales and the layers that stay in 16 bits. */
const eightBitBytes = 1.06;
/** Adapter weights and gradients in 32 bits and two 8-bit moments: ten bytes for each of about 230 thousand numbers. */
const adapterGibPerRankAndBillion = (0.233e6 * 10) / gib;

export interface StaticMemory {
  readonly mib: number;
  readonly uncertaintyPct: number;
  readonly basis: MemoryRow["basis"];
  readonly source: string;
}

/** MiB; null for a family that needs no GPU. */
export function staticMemory(load: TrainingLoad): StaticMemory | null {
  const row = memoryTable[load.family];
  if (row === null) return null;
  const resident = row.experts === true && load.lowVram ? row.billions / 2 : row.billions;
  const bytes = load.quantize ? eightBitBytes : 2;
  // AI Toolkit's quantize_te follows quantize; the small encoders of the U-Nets stay in 16 bits.
  const weights = ((resident + row.textEncoderBillions) * bytes * 1e9) / gib;
  const training =
    weights +
    contextGib +
    row.activationGib * megapixels(load) +
    load.rank * resident * adapterGibPerRankAndBillion;
  const largest = row.experts === true ? row.billions / 2 : row.billions;
  const loading = load.quantize && !load.lowVram ? (largest * 2 * 1e9) / gib + contextGib : 0;
  return {
    mib: Math.round(Math.max(training, loading) * 1_024),
    uncertaintyPct: staticUncertaintyPct[row.basis],
    basis: row.basis,
    source: row.source,
  };
}

export interface PublishedPeak {
  readonly load: TrainingLoad;
  /** The source's own training kept its text encoders off the card. */
  readonly withoutTextEncoders: boolean;
  /** `about`: a peak was named. `fits`: the settings are published for a card of this size. */
  readonly says: "about" | "fits";
  readonly gb: number;
  readonly source: string;
}

const base = { resolution: 1024, batchSize: 1, rank: 16, quantize: true, lowVram: true, frames: 1 };

/** Figures that others published, in GB as they say it; a test holds the law to them. */
export const publishedPeaks: readonly PublishedPeak[] = [
  {
    load: { ...base, family: "sd15", resolution: 512, quantize: false },
    withoutTextEncoders: false,
    says: "fits",
    gb: 11,
    source: "huggingface/diffusers docs/source/en/training/lora.md",
  },
  {
    load: { ...base, family: "sdxl", quantize: false },
    withoutTextEncoders: false,
    says: "fits",
    gb: 16,
    source: "huggingface/diffusers examples/dreambooth/README_sdxl.md",
  },
  {
    load: { ...base, family: "flux", quantize: false },
    withoutTextEncoders: true,
    says: "about",
    gb: 30,
    source: "bghira/SimpleTuner documentation/quickstart/FLUX.md",
  },
  {
    load: { ...base, family: "flux" },
    withoutTextEncoders: true,
    says: "about",
    gb: 18,
    source: "bghira/SimpleTuner documentation/quickstart/FLUX.md",
  },
  {
    load: { ...base, family: "flux" },
    withoutTextEncoders: false,
    says: "fits",
    gb: 24,
    source: "ostris/ai-toolkit FAQ.md and config/examples/train_lora_flux_24gb.yaml",
  },
  {
    load: { ...base, family: "flex1" },
    withoutTextEncoders: false,
    says: "fits",
    gb: 24,
    source: "ostris/ai-toolkit config/examples/train_lora_flex_24gb.yaml",
  },
  {
    load: { ...base, family: "sd3" },
    withoutTextEncoders: false,
    says: "fits",
    gb: 24,
    source: "ostris/ai-toolkit config/examples/train_lora_sd35_large_24gb.yaml",
  },
  {
    load: { ...base, family: "chroma" },
    withoutTextEncoders: false,
    says: "fits",
    gb: 24,
    source: "ostris/ai-toolkit config/examples/train_lora_chroma_24gb.yaml",
  },
  {
    load: { ...base, family: "hidream", rank: 32 },
    withoutTextEncoders: false,
    says: "about",
    gb: 35.2,
    source: "ostris/ai-toolkit config/examples/train_lora_hidream_48.yaml",
  },
  {
    load: { ...base, family: "lumina2", quantize: false },
    withoutTextEncoders: false,
    says: "about",
    gb: 20,
    source: "ostris/ai-toolkit config/examples/train_lora_lumina.yaml",
  },
  {
    load: { ...base, family: "wan21_1b", resolution: 632, rank: 32, quantize: false, frames: 40 },
    withoutTextEncoders: false,
    says: "fits",
    gb: 24,
    source: "ostris/ai-toolkit config/examples/train_lora_wan21_1b_24gb.yaml",
  },
  {
    load: { ...base, family: "wan21_14b", resolution: 632, rank: 32, frames: 40 },
    withoutTextEncoders: true,
    says: "fits",
    gb: 24,
    source: "ostris/ai-toolkit config/examples/train_lora_wan21_14b_24gb.yaml",
  },
];

/** MiB of the text encoders on the card. */
export function textEncoderMib({ family, quantize }: TrainingLoad): number {
  const row = memoryTable[family];
  if (row === null) return 0;
  return (row.textEncoderBillions * (quantize ? eightBitBytes : 2) * 1e9 * 1_024) / gib;
}
