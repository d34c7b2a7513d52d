/**
 * Speed of a training step before this box has measured any: seconds on a reference card, and roughly how other cards compare.
 * All of it is an estimate within a factor of about two; own runs outweigh it (`learn-speed.ts`).
 */
import type { PlanFamilyName } from "./plan-families.ts";
import { megapixels, type TrainingLoad } from "./plan-load.ts";

interface SpeedRow {
  /** Seconds for one megapixel on the reference card, gradient checkpointing on. */
  readonly secondsPerMegapixel: number;
  readonly basis: "published" | "estimate";
  readonly source: string;
}

/** Transformers cost in proportion to their weights; set by FLUX.1 (12 billion, 4.6 s). */
const secondsPerBillion = 0.38;
const byWeights = (billions: number): SpeedRow => ({
  secondsPerMegapixel: Number((billions * secondsPerBillion).toFixed(2)),
  basis: "estimate",
  source: "in proportion to its weights, from FLUX.1",
});

export const referenceGpu = "RTX 4090";

/** Null: runs on the CPU. */
export const speedTable: Readonly<Record<PlanFamilyName, SpeedRow | null>> = {
  sd15: {
    secondsPerMegapixel: 0.4,
    basis: "published",
    source: "diffusers' LoRA guide: 15,000 steps of four passes at 512 in 5 h on an RTX 2080 Ti",
  },
  sdxl: {
    secondsPerMegapixel: 0.67,
    basis: "published",
    source:
      "kohya-ss/sd-scripts issue 827: 1.12 s a step at 1024 on an RTX 3090 Ti, a quarter added for checkpointing",
  },
  sd3: byWeights(8.1),
  flux: {
    secondsPerMegapixel: 4.6,
    basis: "published",
    source: "ostris/ai-toolkit issue 145: 6.5 s a step at 512 to 1024 on an A40",
  },
  flex1: byWeights(8.2),
  tiny: null,
  chroma: byWeights(8.9),
  hidream: byWeights(17),
  lumina2: byWeights(2.6),
  qwen_image: byWeights(20.4),
  wan21_1b: byWeights(1.42),
  wan21_14b: byWeights(14.3),
  wan22_14b: byWeights(14.3),
  zimage: byWeights(6.2),
};

/**
 * Training speed against the reference card, rough: consumer cards after their makers' dense 16-bit throughput, the others
 * lowered from it to what a training with checkpointing keeps of it. First match wins.
 */
export const gpuFactors: readonly (readonly [RegExp, string, number])[] = [
  [/\bH200\b/, "H200", 2.7],
  [/\bH100\b/, "H100", 2.5],
  [/\bA100\b/, "A100", 1.3],
  [/\bL40S\b/, "L40S", 1.1],
  [/\bL40\b/, "L40", 1.1],
  [/\bL4\b/, "L4", 0.3],
  [/\bA40\b/, "A40", 0.45],
  [/RTX A6000\b/, "RTX A6000", 0.47],
  [/RTX 6000 Ada\b/, "RTX 6000 Ada", 1.1],
  [/\b5090\b/, "RTX 5090", 1.27],
  [/\b5080\b/, "RTX 5080", 0.68],
  [/\b5070 Ti\b/i, "RTX 5070 Ti", 0.53],
  [/\b4090\b/, "RTX 4090", 1],
  [/\b4080\b/, "RTX 4080", 0.59],
  [/\b4070 Ti\b/i, "RTX 4070 Ti", 0.49],
  [/\b4070\b/, "RTX 4070", 0.35],
  [/\b4060 Ti\b/i, "RTX 4060 Ti", 0.27],
  [/\b3090 Ti\b/i, "RTX 3090 Ti", 0.48],
  [/\b3090\b/, "RTX 3090", 0.43],
  [/\b3080\b/, "RTX 3080", 0.36],
  [/\b3070\b/, "RTX 3070", 0.25],
  [/\b3060\b/, "RTX 3060", 0.15],
  [/\b2080 Ti\b/i, "RTX 2080 Ti", 0.33],
  [/\bV100\b/, "V100", 0.4],
  [/\bT4\b/, "T4", 0.12],
];

const staticSpeedUncertaintyPct = 60;
/** Steps a second of the built-in trainer on two cores (docs/benchmarks.md), at 64 pixels. */
const tinyStepsPerSecond = 13.8;

export interface StaticSpeed {
  readonly stepsPerSecond: number;
  readonly uncertaintyPct: number;
  readonly basis: "published" | "estimate";
  readonly source: string;
}

/** Null for a card that the table does not have: a guess would be off by more than ten. */
export function staticSpeed(load: TrainingLoad, gpuName: string | null): StaticSpeed | null {
  const row = speedTable[load.family];
  if (row === null) {
    return {
      stepsPerSecond: tinyStepsPerSecond / Math.max(0.25, megapixels(load) / 0.004_096),
      uncertaintyPct: staticSpeedUncertaintyPct,
      basis: "estimate",
      source: "this project's own measurement on two cores",
    };
  }
  const factor = gpuFactors.find(([pattern]) => gpuName !== null && pattern.test(gpuName))?.[2];
  if (factor === undefined) return null;
  return {
    stepsPerSecond: factor / (row.secondsPerMegapixel * megapixels(load)),
    uncertaintyPct: staticSpeedUncertaintyPct,
    basis: row.basis,
    source: row.source,
  };
}
