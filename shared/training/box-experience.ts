import type { TrainingLoad } from "./plan-load.ts";

/** What one ended training of a box taught: the plan learns from a list of them. */
export interface BoxExperience {
  readonly jobId: string;
  readonly load: TrainingLoad;
  /** The card it ran on, as the driver names it; null on the CPU or when the box did not say. */
  readonly gpuName: string | null;
  readonly gpuMemoryMib: number | null;
  /** Highest memory use that was seen, MiB; null when nobody measured. */
  readonly peakVramMib: number | null;
  /** `gpu`: all of the card's use, other programs included. */
  readonly peakVramOf: "process" | "gpu" | null;
  readonly stepsPerSecond: number | null;
  /** Completed steps: a run of a few proves less. */
  readonly steps: number;
  readonly completed: boolean;
  /** It ended, or was stopped, because the card's memory was full. */
  readonly outOfMemory: boolean;
  /** From the process's start to its end, loading and sampling included; null when unknown. */
  readonly wallSeconds: number | null;
}

/** Where a figure of the plan comes from. */
export type FigureSource = "own_jobs" | "static_table" | "unknown";

/** The card a plan is made for. */
export interface PlanGpu {
  readonly name: string | null;
  readonly memoryMib: number | null;
  /** Not the box's own: the caller asks about a card of another size. */
  readonly hypothetical?: true;
}

/** Steps after which memory and speed of a run have settled: caches are filled, the first sample was drawn. */
export const settledSteps = 20;

/** A speed on another card says nothing of this one; a card nobody named is taken for the same. */
export function onSameGpu(experience: BoxExperience, gpu: PlanGpu): boolean {
  if (gpu.hypothetical === true) return false;
  return experience.gpuName === null || gpu.name === null || experience.gpuName === gpu.name;
}
