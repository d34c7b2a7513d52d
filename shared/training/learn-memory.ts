/**
 * Memory need of a load: own measurements outweigh the table, and the table only carries them from the load that was measured
 * to the one that is planned. An out-of-memory end is a measurement too: the need was more than the card had.
 */
import {
  type BoxExperience,
  type FigureSource,
  type PlanGpu,
  settledSteps,
} from "./box-experience.ts";
import { staticMemory } from "./memory-table.ts";
import {
  atLeastAsHeavy,
  megapixels,
  octavesBetween,
  sameSetup,
  type TrainingLoad,
} from "./plan-load.ts";

export interface MemoryEstimate {
  /** MiB; null when neither an own job nor the table knows. 0 for a training that needs no GPU. */
  readonly mib: number | null;
  readonly uncertaintyPct: number | null;
  readonly source: FigureSource;
  /** The own jobs it stands on, the deciding one first. */
  readonly jobIds: readonly string[];
  readonly basis: "measured" | "scaled" | "published" | "estimate" | null;
  /** A job of at least this load completed on this card. */
  readonly provenBy: string | null;
  /** A job of at most this load ran out of memory on this card. */
  readonly refutedBy: string | null;
}

/** Same settings again: allocator and sample sizes still vary a little. */
const repeatUncertaintyPct = 5;
/** For each doubling between what was measured and what is planned. */
const uncertaintyPerOctavePct = 10;
const uncertaintyMaxPct = 50;
/** Another use of low_vram or quantisation than the measured one: the table's ratio carries it. */
const otherSetupPct = 15;

/** Never throws; pure in its arguments. */
export function memoryNeed(
  load: TrainingLoad,
  gpu: PlanGpu,
  experience: readonly BoxExperience[],
): MemoryEstimate {
  if (load.family === "tiny")
    return none({ mib: 0, uncertaintyPct: 0, source: "static_table", basis: "estimate" });
  // The need of a load hardly depends on the card, so every run counts; what a card proves, it proves for its own size.
  const own = experience.filter((run) => run.load.family === load.family);
  const provenBy =
    own.find((run) => run.completed && atLeastAsHeavy(run.load, load) && notLarger(run, gpu))
      ?.jobId ?? null;
  const refuting = own.filter(
    (run) => run.outOfMemory && atLeastAsHeavy(load, run.load) && notSmaller(run, gpu),
  );
  // What completed is proof of what fits; an equal load that once ran out of memory shared the card with somebody.
  const refutedBy = provenBy === null ? (refuting[0]?.jobId ?? null) : null;
  const learned = fromMeasured(load, own) ?? fromStatic(load);
  const raised = atLeastTheFullCard(load, learned, own, provenBy);
  return { ...raised, provenBy, refutedBy };
}

/** The card of the run had at most this one's memory; sizes of one model differ by a few MiB between drivers. */
function notLarger(run: BoxExperience, gpu: PlanGpu): boolean {
  if (run.gpuMemoryMib === null || gpu.memoryMib === null) return gpu.hypothetical !== true;
  return run.gpuMemoryMib <= gpu.memoryMib * 1.02;
}

function notSmaller(run: BoxExperience, gpu: PlanGpu): boolean {
  if (run.gpuMemoryMib === null || gpu.memoryMib === null) return gpu.hypothetical !== true;
  return run.gpuMemoryMib >= gpu.memoryMib * 0.98;
}

/** The peak of a run that ran out is cut at the card's size: it counts as a bound, not as a measurement. */
function isMeasured(run: BoxExperience): boolean {
  return (
    run.peakVramMib !== null && !run.outOfMemory && (run.steps >= settledSteps || run.completed)
  );
}

function fromMeasured(load: TrainingLoad, own: readonly BoxExperience[]): MemoryEstimate | null {
  const measured = own.filter(isMeasured);
  const distance = (run: BoxExperience): number =>
    octavesBetween(run.load, load) +
    Math.abs(Math.log2(run.load.rank / load.rank)) / 8 +
    (sameSetup(run.load, load) ? 0 : 4);
  const nearest = measured
    .map((run) => ({ run, far: distance(run) }))
    .sort((a, b) => a.far - b.far || (b.run.peakVramMib ?? 0) - (a.run.peakVramMib ?? 0));
  const [best] = nearest;
  if (best === undefined) return null;
  const equal = nearest.filter(({ far }) => far === best.far);
  const scaled = equal
    .map(({ run }) => ({ run, mib: carried(run, load) }))
    .sort((a, b) => b.mib - a.mib);
  const [highest] = scaled;
  if (highest === undefined) return null;
  const above = between(load, own, measured, ({ peakVramMib }) => peakVramMib);
  if (best.far > 0 && above !== null) return above;
  const same = sameSetup(best.run.load, load);
  const uncertainty =
    repeatUncertaintyPct +
    uncertaintyPerOctavePct * octavesBetween(best.run.load, load) +
    (same ? 0 : otherSetupPct);
  return none({
    mib: Math.round(highest.mib),
    uncertaintyPct: Math.min(uncertaintyMaxPct, Math.round(uncertainty)),
    source: "own_jobs",
    jobIds: scaled.slice(0, 3).map(({ run }) => run.jobId),
    basis: best.far === 0 ? "measured" : "scaled",
  });
}

/**
 * Memory goes straight with the pixels, so between a smaller load that was measured and a larger one of which a figure is known
 * the line between the two is nearer to the truth than the table's ratio. Null without such a pair.
 */
function between(
  load: TrainingLoad,
  own: readonly BoxExperience[],
  larger: readonly BoxExperience[],
  figureOf: (run: BoxExperience) => number | null,
): MemoryEstimate | null {
  const at = megapixels(load);
  const alike = (run: BoxExperience): boolean =>
    sameSetup(run.load, load) && run.load.rank >= load.rank;
  const below = own
    .filter((run) => isMeasured(run) && alike(run) && megapixels(run.load) < at)
    .toSorted((a, b) => megapixels(b.load) - megapixels(a.load))[0];
  const above = larger
    .filter((run) => alike(run) && megapixels(run.load) > at)
    .toSorted((a, b) => megapixels(a.load) - megapixels(b.load))[0];
  if (below === undefined || above === undefined) return null;
  const [low, high] = [below.peakVramMib ?? 0, figureOf(above) ?? 0];
  const [from, to] = [megapixels(below.load), megapixels(above.load)];
  const near = Math.min(octavesBetween(below.load, load), octavesBetween(above.load, load));
  return none({
    mib: Math.round(Math.max(low, low + ((high - low) * (at - from)) / (to - from))),
    uncertaintyPct: Math.round(repeatUncertaintyPct + (uncertaintyPerOctavePct * near) / 2),
    source: "own_jobs",
    jobIds: [...new Set([below.jobId, above.jobId])],
    basis: "scaled",
  });
}

/** The measured peak, carried by the table's ratio; without a row by resolution² x batch, upwards only. */
function carried(run: BoxExperience, load: TrainingLoad): number {
  const peak = run.peakVramMib ?? 0;
  const here = staticMemory(load);
  const there = staticMemory(run.load);
  if (here !== null && there !== null && there.mib > 0) return (peak * here.mib) / there.mib;
  return peak * Math.max(1, megapixels(load) / megapixels(run.load));
}

function fromStatic(load: TrainingLoad): MemoryEstimate {
  const found = staticMemory(load);
  return found === null
    ? none({ mib: null, uncertaintyPct: null, source: "unknown", basis: null })
    : none({ ...found, source: "static_table" });
}

/** After an out-of-memory end the need of a like load is at least the card it did not fit, carried the same way. */
function atLeastTheFullCard(
  load: TrainingLoad,
  learned: MemoryEstimate,
  own: readonly BoxExperience[],
  provenBy: string | null,
): MemoryEstimate {
  if (provenBy !== null) return learned;
  const full = own.filter((run) => run.outOfMemory && run.gpuMemoryMib !== null);
  const line = between(load, own, full, ({ gpuMemoryMib }) => gpuMemoryMib);
  if (line !== null) {
    if (learned.basis === "measured" || (learned.mib ?? 0) >= (line.mib ?? 0)) return learned;
    // The line ends at the card's size, and the need there was more.
    return { ...line, uncertaintyPct: (line.uncertaintyPct ?? 0) + uncertaintyPerOctavePct };
  }
  const bounds = full
    .filter((run) => sameSetup(run.load, load))
    .map((run) => ({ run, mib: carried({ ...run, peakVramMib: run.gpuMemoryMib }, load) }))
    .sort((a, b) => b.mib - a.mib);
  const [bound] = bounds;
  // A peak that was measured at this very load is nearer to the truth than a bound carried from another one.
  if (bound === undefined || learned.basis === "measured" || bound.mib <= (learned.mib ?? 0))
    return learned;
  return {
    ...learned,
    mib: Math.round(bound.mib),
    uncertaintyPct: Math.min(
      uncertaintyMaxPct,
      Math.round(
        repeatUncertaintyPct + uncertaintyPerOctavePct * (1 + octavesBetween(bound.run.load, load)),
      ),
    ),
    source: "own_jobs",
    jobIds: [bound.run.jobId, ...learned.jobIds].slice(0, 3),
    basis: "scaled",
  };
}

function none(
  found: Pick<MemoryEstimate, "mib" | "uncertaintyPct" | "source" | "basis"> & {
    readonly jobIds?: readonly string[];
  },
): MemoryEstimate {
  const { mib, uncertaintyPct, source, basis, jobIds = [] } = found;
  return { mib, uncertaintyPct, source, jobIds, basis, provenBy: null, refutedBy: null };
}
