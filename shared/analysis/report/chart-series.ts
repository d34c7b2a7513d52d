import { limits } from "../../limits.ts";

/** A series as a chart draws it: at most `limits.chartPoints` buckets, each with its extremes, so that no spike is thinned away. */
export interface ChartSeries {
  /** Middle step of each bucket. */
  readonly steps: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Geometric mean where all of a bucket is above 0, arithmetic else. */
  readonly middle: readonly number[];
  /** Steps at which the value was NaN or infinite, at most `limits.chartMarks`. */
  readonly nonFiniteSteps: readonly number[];
  /** Points before thinning. */
  readonly points: number;
}

/** `steps` rising, `values` parallel; null is "no value at this step". */
export function chartSeries(
  steps: readonly number[],
  values: readonly (number | null)[],
  limit: number = limits.chartPoints,
): ChartSeries {
  const at: number[] = [];
  const known: number[] = [];
  const nonFiniteSteps: number[] = [];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (value === null || value === undefined) continue;
    if (Number.isFinite(value)) {
      at.push(steps[i] as number);
      known.push(value);
    } else if (nonFiniteSteps.length < limits.chartMarks) {
      nonFiniteSteps.push(steps[i] as number);
    }
  }
  const buckets = Math.min(limit, known.length);
  const chart = { steps: [] as number[], low: [] as number[], high: [] as number[] };
  const middle: number[] = [];
  for (let b = 0; b < buckets; b += 1) {
    const from = Math.floor((b * known.length) / buckets);
    const to = Math.floor(((b + 1) * known.length) / buckets);
    const inside = known.slice(from, to);
    chart.steps.push(((at[from] as number) + (at[to - 1] as number)) / 2);
    chart.low.push(Math.min(...inside));
    chart.high.push(Math.max(...inside));
    middle.push(meanOf(inside));
  }
  return { ...chart, middle, nonFiniteSteps, points: known.length };
}

function meanOf(values: readonly number[]): number {
  const positive = values.every((value) => value > 0);
  const sum = values.reduce((all, value) => all + (positive ? Math.log(value) : value), 0);
  return positive ? Math.exp(sum / values.length) : sum / values.length;
}

/**
 * A smooth curve that single wild steps do not bend: around each point a triangular mean of what lies within three median
 * deviations of the window's median. On logarithms where all is above 0.
 */
export function robustSmooth(values: readonly number[], span = 0.05): number[] {
  const logs = values.every((value) => value > 0);
  const y = logs ? values.map(Math.log) : values;
  const reach = Math.max(1, Math.round(values.length * span));
  return values.map((_, i) => {
    const from = Math.max(0, i - reach);
    const window = y.slice(from, Math.min(y.length, i + reach + 1));
    const middle = median(window);
    const bound = 3 * 1.4826 * median(window.map((value) => Math.abs(value - middle)));
    let sum = 0;
    let weight = 0;
    for (let j = 0; j < window.length; j += 1) {
      const value = window[j] as number;
      if (Math.abs(value - middle) > bound) continue;
      const near = reach + 1 - Math.abs(from + j - i);
      sum += near * value;
      weight += near;
    }
    const smooth = weight === 0 ? middle : sum / weight;
    return logs ? Math.exp(smooth) : smooth;
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] as number)) / 2;
}
