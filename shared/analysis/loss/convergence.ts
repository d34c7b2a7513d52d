import type { LossAggregate } from "./loss-aggregate.ts";
import type { LossCourse } from "./loss-course.ts";
import { clamp, round, scored, significant, unknownScore } from "../score.ts";
import type { Score } from "../score.ts";

/** The seeds' words for where the loss goes (peers 2.1), from the robust verdict. */
type QualityTrend = "improving" | "flat" | "regressing" | "unknown";
type QualityStatus = "healthy" | "warning" | "critical" | "unknown";

export interface Quality {
  readonly status: QualityStatus;
  readonly trend: QualityTrend;
  readonly flags: readonly string[];
  readonly nonFinite: NonFinite;
  readonly convergence: Score;
}

/**
 * What NaN and infinite losses amount to. AI Toolkit survives a single one by setting the loss to 0, so one or two are a
 * blip; a run that ends in three, or has them in one step of a hundred, is broken.
 */
export type NonFinite = "none" | "blip" | "some" | "broken";

const blipMost = 2;
const brokenTail = 3;
const brokenShare = 0.01;

export function judgeNonFinite(loss: LossAggregate): NonFinite {
  const bad = loss.nanCount + loss.infCount;
  if (bad === 0) return "none";
  if (loss.nonFiniteTail >= brokenTail || loss.usable === 0) return "broken";
  if (bad <= blipMost) return "blip";
  return bad / loss.count >= brokenShare ? "broken" : "some";
}

export function judgeQuality(loss: LossAggregate, course: LossCourse): Quality {
  const nonFinite = judgeNonFinite(loss);
  const trend = qualityTrend(course);
  return {
    status: statusOf(nonFinite, course, trend),
    trend,
    flags: flagsOf(loss, course),
    nonFinite,
    convergence: convergenceScore(loss, course, nonFinite),
  };
}

function qualityTrend({ trend }: LossCourse): QualityTrend {
  switch (trend.verdict) {
    case "falling":
      return "improving";
    case "rising":
      return "regressing";
    default:
      return trend.verdict;
  }
}

function statusOf(nonFinite: NonFinite, course: LossCourse, trend: QualityTrend): QualityStatus {
  if (nonFinite === "broken" || course.diverged === true) return "critical";
  if (nonFinite === "some" || trend === "regressing" || course.spikeClusters > 0) return "warning";
  return trend === "unknown" ? "unknown" : "healthy";
}

function flagsOf(loss: LossAggregate, course: LossCourse): string[] {
  const flags: string[] = [];
  if (loss.nanCount > 0) flags.push("loss_nan_detected");
  if (loss.infCount > 0) flags.push("loss_inf_detected");
  if (loss.count === 0) flags.push("no_loss_values_detected");
  if (course.spikeClusters > 0) flags.push("loss_spikes_detected");
  if (course.diverged === true) flags.push("loss_divergence_detected");
  if (course.plateau === true) flags.push("loss_plateau_detected");
  return flags;
}

/**
 * `convergence_v2`, 0 to 100: 60 for a loss that stays where it began, up to 100 for one that is 40 % lower, down to 0 for
 * one 50 % higher. Only what is beyond one standard error counts, so noise earns and costs nothing. A loss well above its
 * own best is at most 20, a broken run 0, each cluster of spikes costs 5, at most 15. Unknown without enough points.
 */
function convergenceScore(loss: LossAggregate, course: LossCourse, nonFinite: NonFinite): Score {
  const rule = "convergence_v2";
  const { trend, start, now, improvementPct, improvementErrorPct } = course;
  const shared = { points: loss.usable, trend_method: trend.method, trend: trend.verdict };
  if (nonFinite === "broken") {
    return scored(rule, 0, {
      ...shared,
      nan_count: loss.nanCount,
      inf_count: loss.infCount,
      last_non_finite_step: loss.lastNonFiniteStep,
    });
  }
  if (trend.verdict === "unknown" || improvementPct === null || improvementErrorPct === null) {
    return unknownScore(rule, trend.reason ?? "too_few_points", shared);
  }
  const sure =
    Math.sign(improvementPct) * Math.max(0, Math.abs(improvementPct) - improvementErrorPct);
  const progress =
    sure >= 0 ? 60 + 40 * clamp(sure / 40, 0, 1) : 60 * (1 - clamp(-sure / 50, 0, 1));
  const spikes = Math.min(15, 5 * course.spikeClusters);
  const value = course.diverged === true ? Math.min(20, progress - spikes) : progress - spikes;
  return scored(rule, value, {
    ...shared,
    loss_start: significant(start?.loss ?? null),
    loss_now: significant(now?.loss ?? null),
    improvement_pct: round(improvementPct, 2),
    improvement_error_pct: round(improvementErrorPct, 2),
    diverged: course.diverged,
    spike_clusters: course.spikeClusters,
  });
}
