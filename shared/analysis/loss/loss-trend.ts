import { fitLeastSquares } from "./least-squares.ts";
import type { Fit } from "./least-squares.ts";
import type { LossAggregate } from "./loss-aggregate.ts";
import type { LossBlocks } from "./loss-blocks.ts";
import { confidenceOfT } from "./student-t.ts";

/**
 * Where the loss is going: a slope of log loss with its error. Timestep noise makes single losses of a diffusion run
 * scatter by half a logarithm and more, so first against last says nothing; see docs/analysis.md for what was measured.
 */
export type TrendVerdict = "falling" | "flat" | "rising" | "unknown";

export interface LossTrend {
  readonly method: "log_loss_slope_v1";
  readonly verdict: TrendVerdict;
  /** Why it is unknown: `no_loss`, `too_few_points` or `too_noisy`; null else. */
  readonly reason: "no_loss" | "too_few_points" | "too_noisy" | null;
  /** Two-sided, 0 to 1, that the slope is not 0; null when there is none. */
  readonly confidence: number | null;
  /** Natural log of the loss per 1,000 steps, and its standard error. */
  readonly slopePer1000: number | null;
  readonly errorPer1000: number | null;
  /** What the slope makes over the judged steps, in per cent of the loss; cut at 1,000,000. */
  readonly changePct: number | null;
  readonly points: number;
  readonly groups: number;
  readonly fromStep: number | null;
  readonly toStep: number | null;
  /** Whether a decaying warm-up was found and fitted apart, and its time constant in steps. */
  readonly warmUpSteps: number | null;
  /** Lag-1 autocorrelation of the group means' residuals, at least 0, that the error was widened by. */
  readonly autocorrelation: number | null;
}

/** Thresholds of `log_loss_slope_v1`, tuned on seeds 1 to 1000 of the trend benchmark. */
const trendRule = {
  method: "log_loss_slope_v1",
  /** Fewer usable points are not judged. */
  leastPoints: 120,
  /** Blocks are joined to at most this many groups: long enough that neighbours hardly correlate. */
  groups: 32,
  leastGroups: 10,
  /** The first twentieth is always warm-up. */
  dropShare: 0.05,
  /**
   * Time constants tried for a decaying warm-up beside the line, as shares of the steps, and how many errors its height
   * must be above 0 to be taken in. A long one looks like a slope, so it must be plain.
   */
  warmUps: [
    { share: 0.02, errors: 0.5 },
    { share: 0.04, errors: 0.5 },
    { share: 0.07, errors: 0.5 },
    { share: 0.1, errors: 0.5 },
    { share: 0.15, errors: 3 },
    { share: 0.2, errors: 3 },
  ],
  /** Errors from 0 for a verdict. Rising is the graver word and needs more. */
  fallingErrors: 2,
  risingErrors: 3.3,
  /** A change over the judged steps below this share of the loss is flat, however certain. */
  leastChange: 0.03,
  /** When ±2 errors span more than this in log loss, "flat" would be a guess. */
  noisyHalfWidth: 0.4,
} as const;

interface Groups {
  readonly step: readonly number[];
  readonly meanLog: readonly number[];
  readonly points: readonly number[];
  readonly fromStep: number;
  readonly toStep: number;
}

interface Slope {
  /** Per span of steps. */
  readonly value: number;
  readonly error: number;
  readonly fit: Fit;
  readonly warmUpSteps: number | null;
  readonly autocorrelation: number;
}

/** Over the whole run but its first steps, with a warm-up fitted apart. */
export function judgeLossTrend(loss: LossAggregate): LossTrend {
  return judgeWindow(loss, trendRule.dropShare, true);
}

/** Over the newest `share` of the points, by a plain line. */
export function judgeRecentTrend(loss: LossAggregate, share: number): LossTrend {
  return judgeWindow(loss, 1 - share, false);
}

function judgeWindow(loss: LossAggregate, dropShare: number, warmUp: boolean): LossTrend {
  const groups = groupsFrom(loss.blocks, dropShare);
  const points = groups === null ? 0 : groups.points.reduce((sum, n) => sum + n, 0);
  const base: LossTrend = {
    method: trendRule.method,
    verdict: "unknown",
    reason: loss.usable === 0 ? "no_loss" : "too_few_points",
    confidence: null,
    slopePer1000: null,
    errorPer1000: null,
    changePct: null,
    points,
    groups: groups?.step.length ?? 0,
    fromStep: groups?.fromStep ?? null,
    toStep: groups?.toStep ?? null,
    warmUpSteps: null,
    autocorrelation: null,
  };
  if (groups === null || loss.usable < trendRule.leastPoints) return base;
  if (groups.step.length < trendRule.leastGroups) return base;
  const slope = slopeOf(groups, warmUp);
  if (slope === null) return base;
  const span = groups.toStep - groups.fromStep;
  // Without any noise the error is 0, and a slope is as certain as can be.
  const errors = slope.value === 0 ? 0 : slope.value / slope.error;
  const verdict = verdictOf(slope, errors);
  return {
    ...base,
    verdict,
    reason: verdict === "unknown" ? "too_noisy" : null,
    // No finite run proves a slope beyond all doubt.
    confidence: Math.min(0.9999, confidenceOfT(errors, slope.fit.degreesOfFreedom)),
    slopePer1000: (slope.value * 1000) / span,
    errorPer1000: (slope.error * 1000) / span,
    changePct: Math.min(1e6, 100 * Math.expm1(slope.value)),
    warmUpSteps: slope.warmUpSteps,
    autocorrelation: slope.autocorrelation,
  };
}

function verdictOf(slope: Slope, errors: number): TrendVerdict {
  const large = Math.abs(Math.expm1(slope.value)) >= trendRule.leastChange;
  if (-errors >= trendRule.fallingErrors && large) return "falling";
  if (errors >= trendRule.risingErrors && large) return "rising";
  return 2 * slope.error > trendRule.noisyHalfWidth ? "unknown" : "flat";
}

function slopeOf(groups: Groups, warmUp: boolean): Slope | null {
  const span = groups.toStep - groups.fromStep;
  if (span <= 0) return null;
  const middle = (groups.fromStep + groups.toStep) / 2;
  const line = [groups.step.map(() => 1), groups.step.map((step) => (step - middle) / span)];
  let fit = fitLeastSquares(line, groups.meanLog, groups.points);
  let warmUpSteps: number | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const { share, errors } of warmUp ? trendRule.warmUps : []) {
    const decay = groups.step.map((step) => Math.exp((groups.fromStep - step) / (share * span)));
    const tried = fitLeastSquares([...line, decay], groups.meanLog, groups.points);
    if (tried === null || tried.variance >= least) continue;
    const height = tried.coefficients[2] as number;
    if (height <= errors * errorOf(tried, 2)) continue;
    least = tried.variance;
    fit = tried;
    warmUpSteps = Math.round(share * span);
  }
  if (fit === null) return null;
  const autocorrelation = autocorrelationOf(fit);
  const widening = Math.sqrt((1 + autocorrelation) / (1 - autocorrelation));
  return {
    value: fit.coefficients[1] as number,
    error: errorOf(fit, 1) * widening,
    fit,
    warmUpSteps,
    autocorrelation,
  };
}

function errorOf(fit: Fit, i: number): number {
  return Math.sqrt(fit.variance * ((fit.inverse[i] as readonly number[])[i] as number));
}

/** Lag-1 of the residuals, with what the fitted columns took from it given back; 0 to 0.6. */
function autocorrelationOf({ residuals, degreesOfFreedom }: Fit): number {
  let squares = 0;
  let products = 0;
  for (let i = 0; i < residuals.length; i += 1) {
    const residual = residuals[i] as number;
    squares += residual * residual;
    if (i > 0) products += residual * (residuals[i - 1] as number);
  }
  if (squares === 0) return 0;
  const given = (residuals.length - degreesOfFreedom) / residuals.length;
  return Math.min(0.6, Math.max(0, products / squares + given));
}

/** The blocks after the dropped share, joined to groups of about equal points. */
function groupsFrom(blocks: LossBlocks, dropShare: number): Groups | null {
  const total = blocks.points.reduce((sum, n) => sum + n, 0);
  const drop = dropShare * total;
  const target = (total - drop) / trendRule.groups;
  const step: number[] = [];
  const meanLog: number[] = [];
  const points: number[] = [];
  let fromStep: number | null = null;
  let seen = 0;
  let n = 0;
  let x = 0;
  let y = 0;
  for (let i = 0; i < blocks.points.length; i += 1) {
    const inBlock = blocks.points[i] as number;
    const skipped = seen < drop;
    seen += inBlock;
    if (skipped) continue;
    fromStep ??= blocks.startStep[i] as number;
    n += inBlock;
    x += (inBlock * ((blocks.startStep[i] as number) + (blocks.endStep[i] as number))) / 2;
    y += inBlock * (blocks.meanLog[i] as number);
    if (n < target && i < blocks.points.length - 1) continue;
    step.push(x / n);
    meanLog.push(y / n);
    points.push(n);
    [n, x, y] = [0, 0, 0];
  }
  if (fromStep === null) return null;
  return { step, meanLog, points, fromStep, toStep: blocks.endStep.at(-1) as number };
}
