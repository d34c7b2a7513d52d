import type { LossAggregate } from "./loss-aggregate.ts";
import type { LossBlocks } from "./loss-blocks.ts";
import { judgeLossTrend, judgeRecentTrend } from "./loss-trend.ts";
import type { LossTrend } from "./loss-trend.ts";
import { weightedMedian } from "./weighted-median.ts";

/** A level of the loss over some steps: geometric mean, with the standard error of its logarithm. */
export interface LossLevel {
  readonly loss: number;
  readonly errorLog: number;
  readonly fromStep: number;
  readonly toStep: number;
}

/** All that a loss series says about a run. Null is "cannot be said from these points". */
export interface LossCourse {
  readonly trend: LossTrend;
  /** Over the newest two fifths. */
  readonly recent: LossTrend;
  /** The first twentieth, warm-up and all; the newest tenth; the lowest tenth before the newest. */
  readonly start: LossLevel | null;
  readonly now: LossLevel | null;
  readonly best: LossLevel | null;
  /** From start to now, per cent, positive is better; and the error of it. */
  readonly improvementPct: number | null;
  readonly improvementErrorPct: number | null;
  /** The newest part is flat to within 5 % with certainty, after the loss had fallen. */
  readonly plateau: boolean | null;
  /** The newest part is well above the lowest one: by half and by four errors. */
  readonly diverged: boolean | null;
  readonly spikeSteps: number;
  readonly spikeClusters: number;
  /** Lag-1 autocorrelation and scatter of single steps' log loss. */
  readonly stepAutocorrelation: number | null;
  readonly stepScatter: number | null;
  /** Of the loss itself, over blocks. */
  readonly median: number | null;
  readonly mean: number | null;
}

const courseRule = {
  startShare: 0.05,
  nowShare: 0.1,
  recentShare: 0.4,
  plateauChange: 0.05,
  divergedRatio: 1.5,
  divergedErrors: 4,
} as const;

/** A loss can grow by hundreds of decades before it is NaN; a per cent figure is cut here. */
const mostPct = 1e6;

export function judgeLossCourse(loss: LossAggregate): LossCourse {
  const trend = judgeLossTrend(loss);
  const recent = judgeRecentTrend(loss, courseRule.recentShare);
  const { squares, products } = loss.running;
  const stepAutocorrelation = squares > 0 ? Math.min(0.98, products / squares) : null;
  const start = levelOf(loss.blocks, 0, courseRule.startShare, stepAutocorrelation);
  const now = levelOf(loss.blocks, 1 - courseRule.nowShare, 1, stepAutocorrelation);
  const best = lowestBefore(loss.blocks, stepAutocorrelation);
  const judged = loss.usable >= 2 * courseRule.nowShare ** -1 && start !== null && now !== null;
  const improvementLog = judged ? Math.log(now.loss / start.loss) : null;
  const error = judged ? Math.hypot(now.errorLog, start.errorLog) : null;
  return {
    trend,
    recent,
    start,
    now,
    best,
    improvementPct:
      improvementLog === null ? null : Math.max(-mostPct, -100 * Math.expm1(improvementLog)),
    improvementErrorPct:
      improvementLog === null || error === null
        ? null
        : Math.min(mostPct, 100 * Math.exp(improvementLog) * error),
    plateau: plateauOf(recent, improvementLog, error),
    diverged: divergedOf(now, best, loss.usable),
    spikeSteps: loss.spikes.steps,
    spikeClusters: loss.spikes.clusters,
    stepAutocorrelation,
    stepScatter: loss.usable > 1 ? loss.running.scale : null,
    median: exponential(weightedMedian(loss.blocks.meanLog, loss.blocks.points)),
    mean: meanLoss(loss.blocks),
  };
}

/** Equivalence, not the absence of proof: both ends of ±2 errors lie within the bound. */
function plateauOf(
  recent: LossTrend,
  improvementLog: number | null,
  error: number | null,
): boolean | null {
  const { slopePer1000, errorPer1000, fromStep, toStep } = recent;
  if (slopePer1000 === null || errorPer1000 === null || fromStep === null || toStep === null) {
    return null;
  }
  const span = (toStep - fromStep) / 1_000;
  const reach = Math.abs(slopePer1000 * span) + 2 * errorPer1000 * span;
  const fell = improvementLog !== null && error !== null && improvementLog < -2 * error;
  if (reach <= courseRule.plateauChange) return fell;
  return Math.abs(slopePer1000) > 2 * errorPer1000 ? false : null;
}

function divergedOf(now: LossLevel | null, best: LossLevel | null, usable: number): boolean | null {
  if (now === null || best === null || usable < 100) return null;
  const rise = Math.log(now.loss / best.loss);
  const error = Math.hypot(now.errorLog, best.errorLog);
  return rise > Math.log(courseRule.divergedRatio) && rise > courseRule.divergedErrors * error;
}

function lowestBefore(blocks: LossBlocks, autocorrelation: number | null): LossLevel | null {
  let lowest: LossLevel | null = null;
  const width = courseRule.nowShare;
  for (let from = 0; from <= 1 - 2 * width + 1e-9; from += width / 2) {
    const level = levelOf(blocks, from, from + width, autocorrelation);
    if (level !== null && (lowest === null || level.loss < lowest.loss)) lowest = level;
  }
  return lowest;
}

/** Blocks whose middle lies in the share of points from `from` to `to`; at least one block at either end of the run. */
function levelOf(
  blocks: LossBlocks,
  from: number,
  to: number,
  autocorrelation: number | null,
): LossLevel | null {
  const count = blocks.points.length;
  const total = blocks.points.reduce((sum, n) => sum + n, 0);
  const chosen: number[] = [];
  let seen = 0;
  for (let i = 0; i < count; i += 1) {
    const points = blocks.points[i] as number;
    const middle = (seen + points / 2) / total;
    seen += points;
    if (middle >= from && middle < to) chosen.push(i);
  }
  if (chosen.length === 0 && count > 0 && from === 0) chosen.push(0);
  if (chosen.length === 0 && count > 0 && to === 1) chosen.push(count - 1);
  if (chosen.length === 0) return null;
  return levelOfBlocks(blocks, chosen, autocorrelation ?? 0);
}

function levelOfBlocks(
  blocks: LossBlocks,
  chosen: readonly number[],
  autocorrelation: number,
): LossLevel {
  const points = chosen.reduce((sum, i) => sum + (blocks.points[i] as number), 0);
  const mean =
    chosen.reduce(
      (sum, i) => sum + (blocks.points[i] as number) * (blocks.meanLog[i] as number),
      0,
    ) / points;
  const variance =
    chosen.reduce(
      (sum, i) =>
        sum +
        (blocks.points[i] as number) *
          ((blocks.sdLog[i] as number) ** 2 + ((blocks.meanLog[i] as number) - mean) ** 2),
      0,
    ) / points;
  const rho = Math.max(0, autocorrelation);
  return {
    loss: Math.exp(mean),
    errorLog: Math.sqrt((variance / points) * ((1 + rho) / (1 - rho))),
    fromStep: blocks.startStep[chosen[0] as number] as number,
    toStep: blocks.endStep[chosen.at(-1) as number] as number,
  };
}

/** Mean of what log-normal blocks would hold; the winsorised scatter keeps a wild step out of it. */
function meanLoss({ meanLog, sdLog, points }: LossBlocks): number | null {
  const total = points.reduce((sum, n) => sum + n, 0);
  if (total === 0) return null;
  const sum = meanLog.reduce(
    (all, mean, i) => all + (points[i] as number) * Math.exp(mean + (sdLog[i] as number) ** 2 / 2),
    0,
  );
  return sum / total;
}

function exponential(log: number | null): number | null {
  return log === null ? null : Math.exp(log);
}
