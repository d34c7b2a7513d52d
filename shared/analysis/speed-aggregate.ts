import { limits } from "../limits.ts";

/**
 * Running facts of a job's own speed, at most about 3 KB of JSON. The rate is what the job's own bar says (never a
 * download's or a cache's), one value per frame; the wall clock beside it tells what sampling and saving cost.
 */
export interface SpeedAggregate {
  /** Layout of the stored value; another number is another layout. */
  readonly version: 1;
  /** Set where the bar said too little, and the values are from when the points were read. */
  readonly source?: "points";
  readonly count: number;
  /** Steps per second. */
  readonly first: number | null;
  readonly last: number | null;
  readonly min: number | null;
  readonly max: number | null;
  readonly lastStep: number | null;
  readonly blockValues: number;
  readonly blocks: SpeedBlocks;
  /** Clock of the box and completed steps at the first and the last value; null before there is one. */
  readonly wallClock: {
    readonly fromAtMs: number;
    readonly fromStep: number;
    readonly toAtMs: number;
    readonly toStep: number;
  } | null;
}

/** Parallel columns, one entry per block of consecutive values, the open one last. Steps per second. */
interface SpeedBlocks {
  readonly startStep: readonly number[];
  readonly values: readonly number[];
  readonly mean: readonly number[];
}

/** A step in twelve days, a million steps a second: beyond is a misread line. */
const slowestRate = 1e-6;
const fastestRate = 1e6;

export const emptySpeed: SpeedAggregate = {
  version: 1,
  count: 0,
  first: null,
  last: null,
  min: null,
  max: null,
  lastStep: null,
  blockValues: 1,
  blocks: { startStep: [], values: [], mean: [] },
  wallClock: null,
};

/**
 * The aggregate with one more value: completed steps, the bar's steps per second, when the box saw it (epoch
 * milliseconds). A value for a step that is not beyond the last one is left out: the bar stands still while the trainer
 * samples or saves, and that is no slow step. Null, and rates that no training has, are no measurement.
 */
export function addSpeed(
  before: SpeedAggregate,
  step: number | null,
  stepsPerSecond: number | null,
  atMs: number,
): SpeedAggregate {
  if (step === null || stepsPerSecond === null) return before;
  if (!(stepsPerSecond >= slowestRate && stepsPerSecond <= fastestRate)) return before;
  if (before.lastStep !== null && step <= before.lastStep) return before;
  const rate = Number(stepsPerSecond.toPrecision(6));
  return {
    ...before,
    count: before.count + 1,
    first: before.first ?? rate,
    last: rate,
    min: before.min === null ? rate : Math.min(before.min, rate),
    max: before.max === null ? rate : Math.max(before.max, rate),
    lastStep: step,
    ...added(before, step, rate),
    wallClock:
      before.wallClock === null
        ? { fromAtMs: atMs, fromStep: step, toAtMs: atMs, toStep: step }
        : { ...before.wallClock, toAtMs: atMs, toStep: step },
  };
}

/** Two attempts of one job. The wall clock is the later one's: the time between attempts is not training. */
export function mergeSpeeds(earlier: SpeedAggregate, later: SpeedAggregate): SpeedAggregate {
  if (later.count === 0) return earlier;
  if (earlier.count === 0) return later;
  let blocks: SpeedBlocks = {
    startStep: [...earlier.blocks.startStep, ...later.blocks.startStep],
    values: [...earlier.blocks.values, ...later.blocks.values],
    mean: [...earlier.blocks.mean, ...later.blocks.mean],
  };
  let blockValues = Math.max(earlier.blockValues, later.blockValues);
  while (blocks.mean.length > limits.speedBlocks) {
    blocks = halved(blocks);
    blockValues *= 2;
  }
  return {
    ...later,
    count: earlier.count + later.count,
    first: earlier.first,
    min: Math.min(earlier.min as number, later.min as number),
    max: Math.max(earlier.max as number, later.max as number),
    blockValues,
    blocks,
  };
}

function added(
  before: SpeedAggregate,
  step: number,
  rate: number,
): Pick<SpeedAggregate, "blocks" | "blockValues"> {
  let { blocks, blockValues } = before;
  const open = blocks.mean.length - 1;
  const values = blocks.values[open] ?? 0;
  if (open >= 0 && values < blockValues) {
    const mean = blocks.mean[open] as number;
    return {
      blockValues,
      blocks: {
        startStep: blocks.startStep,
        values: blocks.values.with(open, values + 1),
        mean: blocks.mean.with(open, mean + (rate - mean) / (values + 1)),
      },
    };
  }
  if (blocks.mean.length >= limits.speedBlocks) {
    blocks = halved(blocks);
    blockValues *= 2;
  }
  return {
    blockValues,
    blocks: {
      startStep: [...blocks.startStep, step],
      values: [...blocks.values, 1],
      mean: [...blocks.mean, rate],
    },
  };
}

function halved(blocks: SpeedBlocks): SpeedBlocks {
  const startStep: number[] = [];
  const values: number[] = [];
  const mean: number[] = [];
  for (let i = 0; i < blocks.mean.length; i += 2) {
    const [n, m] = [blocks.values[i] as number, blocks.values[i + 1] ?? 0];
    const sum = n * (blocks.mean[i] as number) + m * (blocks.mean[i + 1] ?? 0);
    startStep.push(blocks.startStep[i] as number);
    values.push(n + m);
    mean.push(Number((sum / (n + m)).toPrecision(6)));
  }
  return { startStep, values, mean };
}
