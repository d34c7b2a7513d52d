/** The three ways to train that a plan offers, each kept inside the time budget where that is possible. */
import type { PlanGpu } from "./box-experience.ts";
import { memoryNeed } from "./learn-memory.ts";
import { speedOf } from "./learn-speed.ts";
import { type PlanFamily, resolutionLadder } from "./plan-families.ts";
import { fitOf, verdictOf } from "./plan-fit.ts";
import type { TrainingLoad } from "./plan-load.ts";
import { learningRateFor, roundedSteps, stepsFor, stepsMin } from "./plan-recipe.ts";
import type { PlanProfile, PlanRequest, ProfileName } from "./plan-request.ts";

/** Rules of each profile: steps and rate against the balanced one, and where it stands on the ladder of resolutions. */
export const profileRules: Readonly<
  Record<ProfileName, { readonly steps: number; readonly rate: number; readonly rung: -1 | 0 | 1 }>
> = {
  // Fewer steps at a lower rate, as peers 2.11 has it, would only train less: the rate stays.
  fast: { steps: 0.65, rate: 1, rung: 1 },
  balanced: { steps: 1, rate: 1, rung: 0 },
  quality: { steps: 1.45, rate: 0.8, rung: -1 },
};

export interface ProfileContext {
  readonly request: PlanRequest;
  readonly family: PlanFamily;
  readonly known: boolean;
  readonly modelName: string;
  readonly gpu: PlanGpu;
  /** The one it is planned for: `gpu`, or the assumed one. */
  readonly card: PlanGpu;
}

export function profileOf(
  name: ProfileName,
  chosen: TrainingLoad,
  context: ProfileContext,
): PlanProfile {
  const { request, family, known, modelName, gpu } = context;
  const rule = profileRules[name];
  const ideal = onRung(chosen, rule.rung, context);
  const usualSteps = idealSteps(request.images, ideal, family);
  const wantedSteps = roundedSteps(usualSteps * rule.steps);
  const kept = withinBudget(ideal, wantedSteps, usualSteps, context);
  const need = known ? memoryNeed(kept.load, gpu, request.experience) : null;
  return {
    profile: name,
    modelName,
    resolution: kept.load.resolution,
    batchSize: kept.load.batchSize,
    learningRate: Number((learningRateFor(family, request.images) * rule.rate).toPrecision(3)),
    steps: kept.steps,
    rank: kept.load.rank,
    alpha: kept.load.rank,
    lowVram: kept.load.lowVram,
    quantize: kept.load.quantize,
    estimatedMinutes: kept.minutes,
    memoryMib: need?.mib ?? null,
    fits: need === null ? "unknown" : verdictOf(need, gpu),
    clipped: kept.clipped,
    withinBudget: kept.withinBudget,
  };
}

/** The built-in trainer learns its small pictures in some hundred steps, whatever their number. */
function idealSteps(images: number | null, load: TrainingLoad, family: PlanFamily): number {
  return family.name === "tiny" ? 300 : stepsFor(images, load.batchSize);
}

/** One rung down for the quick profile; one up for the careful one, where it surely fits. */
function onRung(
  load: TrainingLoad,
  rung: -1 | 0 | 1,
  { family, known, card, request }: ProfileContext,
): TrainingLoad {
  if (rung === 0 || !known || family.name === "tiny") return load;
  const ladder = resolutionLadder(family);
  const at = ladder.indexOf(load.resolution);
  const resolution = at === -1 ? undefined : ladder[at + rung];
  if (resolution === undefined) return load;
  const other = { ...load, resolution };
  if (rung === 1) return other;
  return fitOf(other, card, request.experience).verdict === "fits" ? other : load;
}

interface Budgeted {
  readonly load: TrainingLoad;
  readonly steps: number;
  readonly minutes: number | null;
  readonly clipped: boolean;
  readonly withinBudget: boolean | null;
}

/** Below this part of the usual steps a smaller resolution is the better way to save time. */
const stepsKeptPart = 0.6;

/** Steps go first, then resolution, then steps again to the least that teaches anything; what is still too long says so. */
function withinBudget(
  ideal: TrainingLoad,
  steps: number,
  usualSteps: number,
  context: ProfileContext,
): Budgeted {
  const { request, family, known, gpu } = context;
  const budget = request.timeBudgetMinutes;
  const minutesOf = (load: TrainingLoad, count: number): number | null => {
    if (!known) return null;
    const { stepsPerSecond, overheadRatio } = speedOf(load, gpu, request.experience);
    return stepsPerSecond === null ? null : (count / stepsPerSecond / 60) * overheadRatio;
  };
  const whole = minutesOf(ideal, steps);
  if (budget === null || whole === null) {
    return { load: ideal, steps, minutes: shownMinutes(whole), clipped: false, withinBudget: null };
  }
  if (whole <= budget)
    return { load: ideal, steps, minutes: shownMinutes(whole), clipped: false, withinBudget: true };
  const smaller = resolutionLadder(family).filter((side) => side < ideal.resolution);
  const loads = [ideal, ...smaller.map((resolution) => ({ ...ideal, resolution }))];
  const least = Math.min(steps, stepsMin);
  for (const floor of [Math.max(least, Math.min(steps, usualSteps) * stepsKeptPart), least]) {
    for (const load of loads) {
      const each = minutesOf(load, 1) ?? Number.POSITIVE_INFINITY;
      const affordable = Math.floor(budget / each / 10) * 10;
      if (affordable < floor) continue;
      const count = Math.min(steps, affordable);
      return {
        load,
        steps: count,
        minutes: shownMinutes(minutesOf(load, count)),
        clipped: true,
        withinBudget: true,
      };
    }
  }
  const last = loads.at(-1) ?? ideal;
  return {
    load: last,
    steps: least,
    minutes: shownMinutes(minutesOf(last, least)),
    clipped: true,
    withinBudget: false,
  };
}

function shownMinutes(minutes: number | null): number | null {
  return minutes === null ? null : Number(minutes.toFixed(1));
}
