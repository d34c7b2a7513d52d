/** Whether a load fits the card, and the cheapest change that makes it fit. */
import type { BoxExperience, PlanGpu } from "./box-experience.ts";
import { memoryNeed, type MemoryEstimate } from "./learn-memory.ts";
import { planFamilies, resolutionLadder } from "./plan-families.ts";
import type { TrainingLoad } from "./plan-load.ts";

export type Verdict = "fits" | "tight" | "does_not_fit" | "unknown";

/** Driver, desktop and the parts that fragmentation loses. */
const reservedPct = 4;

export function usableMib(memoryMib: number): number {
  return Math.floor(memoryMib * (1 - reservedPct / 100));
}

/** `tight`: the figure fits, its uncertainty does not. */
export function verdictOf(need: MemoryEstimate, gpu: PlanGpu): Verdict {
  if (need.mib === 0) return "fits";
  if (need.provenBy !== null) return "fits";
  if (need.refutedBy !== null) return "does_not_fit";
  if (need.mib === null || gpu.memoryMib === null) return "unknown";
  const usable = usableMib(gpu.memoryMib);
  if (need.mib > usable) return "does_not_fit";
  return need.mib * (1 + (need.uncertaintyPct ?? 0) / 100) > usable ? "tight" : "fits";
}

export interface Change {
  readonly parameter: "low_vram" | "batch_size" | "quantize" | "resolution" | "rank";
  readonly from: number | boolean;
  readonly to: number | boolean;
}

export interface Fit {
  readonly load: TrainingLoad;
  readonly need: MemoryEstimate;
  readonly verdict: Verdict;
  /** From the wanted load to this one; empty when it fitted as it was. */
  readonly changes: readonly Change[];
}

/** The wanted load as it stands. */
export function fitOf(load: TrainingLoad, gpu: PlanGpu, experience: readonly BoxExperience[]): Fit {
  const need = memoryNeed(load, gpu, experience);
  return { load, need, verdict: verdictOf(need, gpu), changes: [] };
}

/**
 * The nearest load that fits, by what each change costs the result: nothing (low_vram: a slower start), time (batch), a little
 * quality (8-bit weights), detail (resolution), capacity (rank). Null when nothing does. A load whose fit is unknown is left
 * alone. With `comfortable` a tight fit must leave room for half of its uncertainty, where more changes can give that.
 */
export function cheapestFit(
  wanted: TrainingLoad,
  gpu: PlanGpu,
  experience: readonly BoxExperience[],
  comfortable = false,
): Fit | null {
  const accepts = (fit: Fit): boolean =>
    fit.verdict === "fits" ||
    fit.verdict === "unknown" ||
    (fit.verdict === "tight" && (!comfortable || hasRoom(fit.need, gpu)));
  const now = fitOf(wanted, gpu, experience);
  if (accepts(now)) return now;
  let load = wanted;
  for (const step of ladderFrom(wanted)) {
    load = { ...load, ...step };
    if (!accepts(fitOf(load, gpu, experience))) continue;
    return withoutNeedlessChanges(wanted, load, gpu, experience, accepts);
  }
  return comfortable ? cheapestFit(wanted, gpu, experience, false) : null;
}

function hasRoom({ mib, uncertaintyPct }: MemoryEstimate, { memoryMib }: PlanGpu): boolean {
  if (mib === null || memoryMib === null) return false;
  return mib * (1 + (uncertaintyPct ?? 0) / 200) <= usableMib(memoryMib);
}

function ladderFrom(wanted: TrainingLoad): Partial<TrainingLoad>[] {
  const family = planFamilies[wanted.family];
  const steps: Partial<TrainingLoad>[] = [];
  if (!wanted.lowVram) steps.push({ lowVram: true });
  for (let batchSize = wanted.batchSize >> 1; batchSize >= 1; batchSize >>= 1)
    steps.push({ batchSize });
  if (!wanted.quantize && family.canQuantize) steps.push({ quantize: true });
  for (const resolution of resolutionLadder(family)) {
    if (resolution < wanted.resolution) steps.push({ resolution });
  }
  for (let rank = wanted.rank >> 1; rank >= 8; rank >>= 1) steps.push({ rank });
  return steps;
}

/** A change that an earlier rung made may not be needed once a later one is there; the dearest is taken back first. */
function withoutNeedlessChanges(
  wanted: TrainingLoad,
  reached: TrainingLoad,
  gpu: PlanGpu,
  experience: readonly BoxExperience[],
  accepts: (fit: Fit) => boolean,
): Fit {
  let load = reached;
  for (const key of ["quantize", "batchSize", "lowVram"] as const) {
    const without = { ...load, [key]: wanted[key] };
    if (load[key] !== wanted[key] && accepts(fitOf(without, gpu, experience))) load = without;
  }
  return { ...fitOf(load, gpu, experience), changes: changesBetween(wanted, load) };
}

function changesBetween(from: TrainingLoad, to: TrainingLoad): Change[] {
  const pairs = [
    ["low_vram", from.lowVram, to.lowVram],
    ["batch_size", from.batchSize, to.batchSize],
    ["quantize", from.quantize, to.quantize],
    ["resolution", from.resolution, to.resolution],
    ["rank", from.rank, to.rank],
  ] as const;
  return pairs.flatMap(([parameter, before, after]) =>
    before === after ? [] : [{ parameter, from: before, to: after }],
  );
}
