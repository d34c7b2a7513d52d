import { medianOf, shortNumber } from "./guard-finding.ts";
import type { Finding } from "./guard-finding.ts";
import type { GuardrailRules } from "./guard-rules.ts";

export interface LossState {
  /** Natural logarithms of the block that fills. */
  readonly block: readonly number[];
  /** Medians of earlier blocks that were not high; the newest last. */
  readonly medians: readonly number[];
  readonly high: number;
  readonly highFromStep: number | null;
}

export const freshLoss: LossState = { block: [], medians: [], high: 0, highFromStep: null };

/** The median of 16 points: the noise of single timesteps is gone, and seven spikes in it change nothing. */
const blockPoints = 16;
/** 96 points: before that nobody knows what this job's loss is like. */
const baselineBlocks = 6;
const keptBlocks = 32;
/** 64 points in a row. */
const highBlocks = 4;
/** Robust standard deviations of the job's own block medians. */
const sigmas = 6;
/** A baseline that happens to be flat is not that exact. */
const smallestSigma = 0.05;
/** Makes the median absolute deviation of normal noise its standard deviation. */
const madToSigma = 1.4826;

/**
 * On by default, 5 times. The loss of a diffusion run scatters by its timesteps (log-normal, 0.55 a step), so single points
 * say nothing: judged are medians of blocks on the log loss, against the running median of earlier blocks and their median
 * absolute deviation, and four blocks in a row must be beyond both. Blocks that are high do not enter the baseline.
 */
export function judgeLoss(
  rules: GuardrailRules,
  state: LossState,
  step: number,
  loss: number,
): { readonly state: LossState; readonly finding: Finding | null } {
  // NaN has a rule of its own; what is not positive has no logarithm.
  if (!(loss > 0) || !Number.isFinite(loss)) return { state, finding: null };
  const block = [...state.block, Math.round(Math.log(loss) * 10_000) / 10_000];
  if (block.length < blockPoints) return { state: { ...state, block }, finding: null };
  const level = medianOf(block);
  const baseline = state.medians;
  const centre = medianOf(baseline);
  const sigma = Math.max(
    smallestSigma,
    madToSigma * medianOf(baseline.map((value) => Math.abs(value - centre))),
  );
  const high =
    baseline.length >= baselineBlocks &&
    level > centre + Math.max(Math.log(rules.lossExplosionFactor), sigmas * sigma);
  if (!high) {
    const medians = [...baseline, level].slice(-keptBlocks);
    return { state: { block: [], medians, high: 0, highFromStep: null }, finding: null };
  }
  const next: LossState = {
    block: [],
    medians: baseline,
    high: state.high + 1,
    highFromStep: state.highFromStep ?? step,
  };
  if (next.high < highBlocks) return { state: next, finding: null };
  const [now, before] = [shortNumber(Math.exp(level)), shortNumber(Math.exp(centre))];
  return {
    state: next,
    finding: {
      code: "TRAINING_LOSS_EXPLOSION",
      severity: "critical",
      category: "quality",
      message: `The loss is ${now} in the median of the last ${blockPoints} points; the job's own running median was ${before}, and it has been high for ${next.high * blockPoints} points.`,
      step,
      evidence: {
        loss_median: now,
        running_median: before,
        ratio: shortNumber(Math.exp(level - centre)),
        factor: rules.lossExplosionFactor,
        sigmas: shortNumber((level - centre) / sigma),
        points: next.high * blockPoints,
        high_since_step: next.highFromStep,
      },
    },
  };
}
