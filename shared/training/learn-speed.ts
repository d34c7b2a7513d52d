/** Steps a second of a load, and what a run costs beside its steps: own runs outweigh the table. */
import {
  type BoxExperience,
  type FigureSource,
  onSameGpu,
  type PlanGpu,
  settledSteps,
} from "./box-experience.ts";
import { megapixels, octavesBetween, sameSetup, type TrainingLoad } from "./plan-load.ts";
import { staticSpeed } from "./speed-table.ts";

export interface SpeedEstimate {
  readonly stepsPerSecond: number | null;
  readonly uncertaintyPct: number | null;
  readonly source: FigureSource;
  readonly jobIds: readonly string[];
  /** Wall time of a whole run against its steps alone: loading, caching, samples and saves. */
  readonly overheadRatio: number;
  readonly overheadSource: "own_jobs" | "assumed";
}

const repeatUncertaintyPct = 10;
const uncertaintyPerOctavePct = 15;
const otherSetupPct = 15;
const uncertaintyMaxPct = 60;
/** Loading, caching and the samples of a usual run; nobody's measurement. */
const assumedOverhead = 1.15;

export function speedOf(
  load: TrainingLoad,
  gpu: PlanGpu,
  experience: readonly BoxExperience[],
): SpeedEstimate {
  const own = experience.filter((run) => run.load.family === load.family && onSameGpu(run, gpu));
  const overhead = overheadOf(own);
  const measured = own
    .filter((run) => isRate(run.stepsPerSecond) && run.steps >= settledSteps)
    .map((run) => ({
      run,
      far: octavesBetween(run.load, load) + (sameSetup(run.load, load) ? 0 : 2),
    }))
    .sort((a, b) => a.far - b.far);
  const [best] = measured;
  if (best === undefined) {
    const found = staticSpeed(load, gpu.name);
    return {
      stepsPerSecond: found?.stepsPerSecond ?? null,
      uncertaintyPct: found?.uncertaintyPct ?? null,
      source: found === null ? "unknown" : "static_table",
      jobIds: [],
      ...overhead,
    };
  }
  const equal = measured.filter(({ far }) => far === best.far).map(({ run }) => run);
  // A step's work follows its pixels; what does not (weights to read, the optimiser) is in the uncertainty.
  const carried = equal.map(
    (run) => ((run.stepsPerSecond ?? 0) * megapixels(run.load)) / megapixels(load),
  );
  const uncertainty =
    repeatUncertaintyPct +
    uncertaintyPerOctavePct * octavesBetween(best.run.load, load) +
    (sameSetup(best.run.load, load) ? 0 : otherSetupPct);
  return {
    stepsPerSecond: median(carried),
    uncertaintyPct: Math.min(uncertaintyMaxPct, Math.round(uncertainty)),
    source: "own_jobs",
    jobIds: equal.slice(0, 3).map(({ jobId }) => jobId),
    ...overhead,
  };
}

function overheadOf(
  own: readonly BoxExperience[],
): Pick<SpeedEstimate, "overheadRatio" | "overheadSource"> {
  const ratios = own.flatMap(({ completed, wallSeconds, stepsPerSecond, steps }) =>
    completed && wallSeconds !== null && isRate(stepsPerSecond) && steps >= settledSteps
      ? [(wallSeconds * stepsPerSecond) / steps]
      : [],
  );
  if (ratios.length === 0) return { overheadRatio: assumedOverhead, overheadSource: "assumed" };
  // Below one is a bar that spoke of a slow end; above three a run that was mostly something else.
  return { overheadRatio: Math.min(3, Math.max(1, median(ratios))), overheadSource: "own_jobs" };
}

/** A step in twelve days, a million a second: beyond is a misread line. */
function isRate(value: number | null): value is number {
  return value !== null && value >= 1e-6 && value <= 1e6;
}

/** Of at least one value. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
