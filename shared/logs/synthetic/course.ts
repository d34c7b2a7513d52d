import type { SeededRandom } from "./seeded-random.ts";

export interface SyntheticStep {
  /** Completed count behind this step. */
  readonly count: number;
  readonly loss: number;
  readonly elapsedSeconds: number;
  /** Smoothed, as a bar shows it. */
  readonly rate: number;
}

export interface Course {
  readonly from: number;
  readonly to: number;
  readonly total: number;
  readonly secondsPerStep: number;
  /** Of the bar: 0.7 in AI Toolkit, 0.3 as tqdm comes. */
  readonly smoothing: number;
}

/** A training's figures step by step: a loss that falls through noise, steps that take nearly the same time. */
export function* course(
  { from, to, total, secondsPerStep, smoothing }: Course,
  random: SeededRandom,
): Generator<SyntheticStep, void> {
  let elapsedSeconds = 0;
  let smoothed = 0;
  let weight = 1;
  for (let count = from + 1; count <= to; count++) {
    const seconds = secondsPerStep * (0.85 + 0.3 * random.uniform());
    elapsedSeconds += seconds;
    smoothed = smoothing * seconds + (1 - smoothing) * smoothed;
    weight *= 1 - smoothing;
    const level = 0.12 + 0.5 * Math.exp((-4 * count) / total);
    yield {
      count,
      loss: Math.max(0.001, level * (1 + 0.25 * random.normal())),
      elapsedSeconds,
      rate: (1 - weight) / smoothed,
    };
  }
}

/** What a reader must find at the log's end; null where the log states none. */
export interface SyntheticTruth {
  lastStep: number | null;
  totalSteps: number | null;
  lastLoss: number | null;
  lastLr: number | null;
  lastSpeed: number | null;
}

export function unknownTruth(): SyntheticTruth {
  return { lastStep: null, totalSteps: null, lastLoss: null, lastLr: null, lastSpeed: null };
}
