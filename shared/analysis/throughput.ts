import { judgedFamily, runClass } from "./run-class.ts";
import type { JudgedFamily, RunClass } from "./run-class.ts";
import type { ConfigFacts } from "./run-facts.ts";
import { round, scored, significant, unknownScore } from "./score.ts";
import type { Score } from "./score.ts";
import type { SpeedAggregate } from "./speed-aggregate.ts";
import { weightedMedian } from "./loss/weighted-median.ts";

/** Steps per second from which a band begins. */
export interface SpeedCurve {
  readonly excellent: number;
  readonly good: number;
  readonly fair: number;
  readonly watch: number;
  readonly poor: number;
}

type SpeedBand = keyof SpeedCurve | "very_poor";
type SpeedStatus = "healthy" | "slow" | "critical" | "unknown";
type SpeedTrend = "speeding_up" | "slowing_down" | "stable" | "unknown";

export interface Throughput {
  /** Steps per second; the median over the run is what is judged. */
  readonly median: number | null;
  readonly mean: number | null;
  readonly min: number | null;
  readonly max: number | null;
  readonly last: number | null;
  readonly count: number;
  /** Steps per second by the clock, with sampling and saving in it. */
  readonly effective: number | null;
  readonly trend: SpeedTrend;
  /** Second half against first, per cent. */
  readonly trendPct: number | null;
  /** Newest sixth of the values against the median, per cent; a collapse shows here first. */
  readonly recentPct: number | null;
  readonly status: SpeedStatus;
  readonly band: SpeedBand | null;
  readonly family: JudgedFamily;
  readonly runClass: RunClass;
  readonly curve: SpeedCurve | null;
  readonly score: Score;
}

/** The seeds' figures under their own name (peers 2.4): base × family × class. The only place speed is judged by. */
export const throughputCurve = {
  id: "throughput_curve_v1",
  base: { excellent: 0.3, good: 0.2, fair: 0.12, watch: 0.08, poor: 0.04 },
  family: { flux_flex: 0.55, sdxl: 0.7, sd3: 0.7, sd_like: 1, unknown: 1 },
  runClass: { smoke: 0.8, standard: 1, highres: 0.72, long: 1.08 },
  scores: { excellent: 95, good: 82, fair: 68, watch: 52, poor: 35, very_poor: 20 },
} as const;

const bands = ["excellent", "good", "fair", "watch", "poor"] as const;

/** Null for a family without figures: its speed is told and not judged. */
export function speedCurve(family: JudgedFamily, ofClass: RunClass): SpeedCurve | null {
  if (family === "tiny" || family === "other") return null;
  const factor = throughputCurve.family[family] * throughputCurve.runClass[ofClass];
  const at = (band: keyof SpeedCurve): number => round(throughputCurve.base[band] * factor, 4);
  return {
    excellent: at("excellent"),
    good: at("good"),
    fair: at("fair"),
    watch: at("watch"),
    poor: at("poor"),
  };
}

/** `throughput_bands_v2`: the seeds' bands over the median of the job's own bar instead of the mean of every bar. */
export function judgeThroughput(speed: SpeedAggregate, config: ConfigFacts): Throughput {
  const family = judgedFamily(config);
  const ofClass = runClass(config);
  const curve = speedCurve(family, ofClass);
  const median = significant(weightedMedian(speed.blocks.mean, speed.blocks.values));
  const band = median === null || curve === null ? null : bandOf(median, curve);
  return {
    median,
    mean: significant(meanOf(speed)),
    min: significant(speed.min),
    max: significant(speed.max),
    last: significant(speed.last),
    count: speed.count,
    effective: significant(effectiveRate(speed)),
    ...trendOf(speed),
    recentPct: recentAgainst(speed, median),
    status: statusOf(band),
    band,
    family,
    runClass: ofClass,
    curve,
    score: scoreOf(median, band, curve, speed.count),
  };
}

function scoreOf(
  median: number | null,
  band: SpeedBand | null,
  curve: SpeedCurve | null,
  count: number,
): Score {
  const rule = "throughput_bands_v2";
  if (median === null) return unknownScore(rule, "no_speed");
  if (band === null || curve === null) {
    return unknownScore(rule, "no_curve_for_family", { iter_per_sec_median: median });
  }
  return scored(rule, throughputCurve.scores[band], {
    iter_per_sec_median: median,
    values: count,
    band,
    curve: { ...curve },
    curve_id: throughputCurve.id,
  });
}

function bandOf(rate: number, curve: SpeedCurve): SpeedBand {
  return bands.find((band) => rate >= curve[band]) ?? "very_poor";
}

/** One table for score and status: below `poor` is critical, below `watch` slow. */
function statusOf(band: SpeedBand | null): SpeedStatus {
  if (band === null) return "unknown";
  if (band === "very_poor") return "critical";
  return band === "poor" ? "slow" : "healthy";
}

function trendOf({ blocks, count }: SpeedAggregate): Pick<Throughput, "trend" | "trendPct"> {
  const half = Math.floor(blocks.mean.length / 2);
  const before = weightedMedian(blocks.mean.slice(0, half), blocks.values.slice(0, half));
  const after = weightedMedian(blocks.mean.slice(half), blocks.values.slice(half));
  if (count < 4 || before === null || after === null) return { trend: "unknown", trendPct: null };
  const trendPct = round((100 * (after - before)) / before, 2);
  if (trendPct > 5) return { trend: "speeding_up", trendPct };
  return { trend: trendPct < -5 ? "slowing_down" : "stable", trendPct };
}

function recentAgainst({ blocks, count }: SpeedAggregate, median: number | null): number | null {
  if (median === null || count < 12) return null;
  const from = blocks.mean.length - Math.max(1, Math.floor(blocks.mean.length / 6));
  const recent = weightedMedian(blocks.mean.slice(from), blocks.values.slice(from));
  return recent === null ? null : round((100 * (recent - median)) / median, 2);
}

function meanOf({ blocks, count }: SpeedAggregate): number | null {
  if (count === 0) return null;
  const sum = blocks.mean.reduce((all, mean, i) => all + mean * (blocks.values[i] as number), 0);
  return sum / blocks.values.reduce((all, n) => all + n, 0);
}

function effectiveRate({ wallClock }: SpeedAggregate): number | null {
  if (wallClock === null) return null;
  const seconds = (wallClock.toAtMs - wallClock.fromAtMs) / 1_000;
  const steps = wallClock.toStep - wallClock.fromStep;
  return seconds > 0 && steps > 0 ? steps / seconds : null;
}
