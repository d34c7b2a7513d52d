import { addToBlock, copyBlock, draftBlocks, emptyBlocks, joinUntilFits } from "./loss-blocks.ts";
import type { BlockDraft, LossBlocks } from "./loss-blocks.ts";

/**
 * Running facts of one loss series: what judging needs of any number of points, in at most about 8 KB of JSON (128 blocks).
 * A Job object adds one frame at a time and keeps it in its head row, so a report costs the same after 5,000 and after
 * 5,000,000 steps.
 *
 * Only finite, positive losses enter the statistics, as natural logarithms. NaN, infinities and losses that are not
 * positive are counted apart. A step far from the running level is pulled in to `clipScales` running scales before it is
 * added (winsorised): one wild timestep must not move a block.
 *
 * All numbers are finite, so the value is plain JSON.
 */
export interface LossAggregate {
  /** Layout of the stored value; another number is another layout. */
  readonly version: 1;
  /** Points seen: finite, NaN and infinite ones together. */
  readonly count: number;
  /** Points in the statistics: finite and above 0. */
  readonly usable: number;
  readonly nanCount: number;
  readonly infCount: number;
  /** Finite losses of 0 or below: they have no logarithm. */
  readonly nonPositiveCount: number;
  readonly firstNonFiniteStep: number | null;
  readonly lastNonFiniteStep: number | null;
  /** Length of the run of NaN or infinite points that the series ends with. */
  readonly nonFiniteTail: number;
  /** Loss, not logarithm, of finite points. */
  readonly first: number | null;
  readonly firstStep: number | null;
  readonly last: number | null;
  readonly lastStep: number | null;
  readonly min: number | null;
  readonly max: number | null;
  readonly maxStep: number | null;
  /** Points a new block takes before it is closed; doubles when the table is full. */
  readonly blockPoints: number;
  /** Closed blocks and the open one (last), in order of step. */
  readonly blocks: LossBlocks;
  readonly running: RunningLevel;
  readonly spikes: SpikeCounts;
}

/** Robust level and scale of the log loss over about the last `levelSpan` points, and its lag-1 statistics. */
interface RunningLevel {
  readonly level: number;
  readonly scale: number;
  /** Winsorised distance of the newest point from the level, for the next lag-1 product. */
  readonly residual: number;
  /** Sums over all points of r², and of r·r(before); their ratio is the lag-1 autocorrelation. */
  readonly squares: number;
  readonly products: number;
}

/** Single steps far above the level. Many in few steps are a cluster; a lone one is timestep noise. */
interface SpikeCounts {
  readonly steps: number;
  readonly clusters: number;
  readonly lastClusterStep: number | null;
  /** Highest loss divided by the level before it; null without a spike. */
  readonly worstRatio: number | null;
  /** Point numbers (not steps) of the newest spike steps, at most `spikeClusterSteps`. */
  readonly recent: readonly number[];
}

/** A point further than this many scales from the level is pulled in to it (Huber's proposal, 95 % efficient at 1.5 to 3). */
const clipScales = 3;
/** Points over which level and scale are averaged: long against timestep noise, short against a warm-up. */
const levelSpan = 64;
/** A spike step: at least five times the level (peers 2.1) and five scales above it, whichever is more. */
const spikeRatio = 5;
const spikeScales = 5;
/** Four spike steps within ten points are a cluster: under white noise with Student t3 tails one run in thousands has one. */
const spikeClusterSteps = 4;
const spikeClusterPoints = 10;
/** Until this many points are there the scale is not trusted to call anything a spike or to pull it in. */
const settledPoints = 16;
/** A constant series has scale 0; a relative change of 1 % is then the unit. */
const leastScale = 0.01;

export const emptyLoss: LossAggregate = {
  version: 1,
  count: 0,
  usable: 0,
  nanCount: 0,
  infCount: 0,
  nonPositiveCount: 0,
  firstNonFiniteStep: null,
  lastNonFiniteStep: null,
  nonFiniteTail: 0,
  first: null,
  firstStep: null,
  last: null,
  lastStep: null,
  min: null,
  max: null,
  maxStep: null,
  blockPoints: 1,
  blocks: emptyBlocks,
  running: { level: 0, scale: 0, residual: 0, squares: 0, products: 0 },
  spikes: { steps: 0, clusters: 0, lastClusterStep: null, worstRatio: null, recent: [] },
};

/**
 * The aggregate with more points, in rising order of step; `steps` and `values` are parallel columns and null is "no value
 * at this step". In one go or in pieces the result is the same. `before` is not changed.
 */
export function addLosses(
  before: LossAggregate,
  steps: readonly number[],
  values: readonly (number | null)[],
): LossAggregate {
  const next = draftOf(before);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (value === null || value === undefined) continue;
    addPoint(next, steps[i] ?? (next.lastStep ?? -1) + 1, value);
  }
  return next;
}

/**
 * Two attempts of one job: a resume runs again what came after its checkpoint, so the earlier one counts only before the
 * later one's first step. NaN that all lie in the part that was run again are forgotten: the resume mended them. Counts of
 * usable points, extremes and spikes are of all that was seen.
 */
export function mergeLosses(earlier: LossAggregate, later: LossAggregate): LossAggregate {
  if (later.count === 0) return earlier;
  if (earlier.count === 0) return later;
  const next = draftOf(later);
  const from = later.blocks.startStep[0] ?? Number.POSITIVE_INFINITY;
  const columns = draftBlocks(emptyBlocks);
  for (const [blocks, keep] of [
    [earlier.blocks, (i: number) => (earlier.blocks.endStep[i] as number) < from],
    [later.blocks, () => true],
  ] as const) {
    for (let i = 0; i < blocks.points.length; i += 1) {
      if (keep(i)) copyBlock(columns, blocks, i);
    }
  }
  next.blocks = columns;
  next.blockPoints = Math.max(earlier.blockPoints, later.blockPoints);
  joinUntilFits(next);
  const mended = earlier.firstNonFiniteStep !== null && earlier.firstNonFiniteStep >= from;
  const [nans, infinities] = mended ? [0, 0] : [earlier.nanCount, earlier.infCount];
  next.usable += earlier.usable;
  next.nanCount += nans;
  next.infCount += infinities;
  next.nonPositiveCount += earlier.nonPositiveCount;
  next.count = next.usable + next.nanCount + next.infCount + next.nonPositiveCount;
  if (!mended) {
    next.firstNonFiniteStep = earlier.firstNonFiniteStep ?? later.firstNonFiniteStep;
    next.lastNonFiniteStep = later.lastNonFiniteStep ?? earlier.lastNonFiniteStep;
  }
  if (later.firstStep === null || (earlier.firstStep !== null && earlier.firstStep < from)) {
    next.first = earlier.first;
    next.firstStep = earlier.firstStep;
  }
  next.last = later.last ?? earlier.last;
  next.lastStep = later.lastStep ?? earlier.lastStep;
  next.min = lesser(earlier.min, later.min);
  if (later.max === null || (earlier.max !== null && earlier.max > later.max)) {
    next.max = earlier.max;
    next.maxStep = earlier.maxStep;
  }
  next.running = {
    ...(later.usable === 0 ? earlier.running : later.running),
    squares: earlier.running.squares + later.running.squares,
    products: earlier.running.products + later.running.products,
  };
  next.spikes = {
    steps: earlier.spikes.steps + later.spikes.steps,
    clusters: earlier.spikes.clusters + later.spikes.clusters,
    lastClusterStep: later.spikes.lastClusterStep ?? earlier.spikes.lastClusterStep,
    worstRatio: greater(earlier.spikes.worstRatio, later.spikes.worstRatio),
    recent: [],
  };
  return next;
}

type Draft<T> = { -readonly [K in keyof T]: T[K] };
interface LossDraft extends Omit<Draft<LossAggregate>, "blocks"> {
  blocks: BlockDraft;
}

function draftOf(aggregate: LossAggregate): LossDraft {
  return { ...aggregate, blocks: draftBlocks(aggregate.blocks) };
}

function addPoint(next: LossDraft, step: number, given: number): void {
  // JSON has no −0.
  const value = given + 0;
  next.count += 1;
  if (!Number.isFinite(value)) {
    if (Number.isNaN(value)) next.nanCount += 1;
    else next.infCount += 1;
    next.firstNonFiniteStep ??= step;
    next.lastNonFiniteStep = step;
    next.nonFiniteTail += 1;
    return;
  }
  next.nonFiniteTail = 0;
  next.first ??= value;
  next.firstStep ??= step;
  next.last = value;
  next.lastStep = step;
  next.min = lesser(next.min, value);
  if (next.max === null || value > next.max) {
    next.max = value;
    next.maxStep = step;
  }
  if (value <= 0) {
    next.nonPositiveCount += 1;
    return;
  }
  next.usable += 1;
  addToBlock(next, step, follow(next, step, Math.log(value)));
}

/** Moves the running level by one point; returns the point, pulled in when it is wild. */
function follow(next: LossDraft, step: number, log: number): number {
  const { usable, running } = next;
  if (usable === 1) {
    next.running = { ...running, level: log, scale: 0, residual: 0 };
    return log;
  }
  const distance = log - running.level;
  const scale = Math.max(running.scale, leastScale);
  const settled = usable > settledPoints;
  if (settled && distance > Math.max(Math.log(spikeRatio), spikeScales * scale)) {
    noteSpike(next, step, Math.exp(distance));
  }
  const reach = settled ? clipScales * scale : Number.POSITIVE_INFINITY;
  const residual = Math.max(-reach, Math.min(reach, distance));
  const weight = 1 / Math.min(usable, levelSpan);
  // 1.2533 turns a mean absolute deviation into the standard deviation of a normal distribution.
  const spread = 1.2533 * Math.abs(residual);
  next.running = {
    level: running.level + weight * residual,
    scale: usable === 2 ? spread : running.scale + weight * (spread - running.scale),
    residual,
    squares: running.squares + residual * residual,
    products: running.products + residual * running.residual,
  };
  return settled ? running.level + residual : log;
}

function noteSpike(next: LossDraft, step: number, ratio: number): void {
  const recent = [
    ...next.spikes.recent.filter((point) => next.usable - point < spikeClusterPoints),
    next.usable,
  ];
  const clustered = recent.length >= spikeClusterSteps;
  next.spikes = {
    steps: next.spikes.steps + 1,
    clusters: next.spikes.clusters + (clustered ? 1 : 0),
    lastClusterStep: clustered ? step : next.spikes.lastClusterStep,
    worstRatio: greater(next.spikes.worstRatio, Math.min(ratio, Number.MAX_VALUE)),
    recent: clustered ? [] : recent,
  };
}

function lesser(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

function greater(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}
