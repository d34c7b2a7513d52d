import { positionIn, rankRuns } from "../compare.ts";
import type { Ranking } from "../compare.ts";
import { rankedRunJson } from "./compare-report.ts";
import type { Judgement } from "../judge-run.ts";
import { metricsJson } from "./run-report.ts";

export interface SkippedBaseline {
  readonly jobId: string;
  readonly reason: string;
}

/** `baseline_comparison` of a report (peers 2.9): the job among earlier ones, or why it has no place. */
export function baselineJson(
  target: Judgement,
  baselines: readonly Judgement[],
  skippedBefore: readonly SkippedBaseline[],
) {
  const targetId = target.facts.job.id;
  const { ranking, skipped } = rankRuns([target, ...baselines]);
  const skippedBaselines = [
    ...skippedBefore.map(({ jobId, reason }) => ({ job_id: jobId, reason })),
    ...skipped
      .filter(({ jobId }) => jobId !== targetId)
      .map(({ jobId, reason, missing }) => ({ job_id: jobId, reason, missing: [...missing] })),
  ];
  const candidates = baselines.map(({ facts }) => facts.job.id);
  const position = ranking === null ? null : positionIn(ranking, targetId);
  if (ranking === null || position === null) {
    const missing = skipped.find(({ jobId }) => jobId === targetId)?.missing ?? [];
    return {
      enabled: true,
      error: "target_run_unavailable",
      target_job_id: targetId,
      missing: [...missing],
      candidate_job_ids: candidates,
      skipped_baselines: skippedBaselines,
    };
  }
  if (ranking.runs.length < 2) {
    return {
      enabled: true,
      error: "insufficient_baseline_runs",
      candidate_job_ids: candidates,
      skipped_baselines: skippedBaselines,
    };
  }
  return {
    enabled: true,
    compared_job_ids: [
      targetId,
      ...candidates.filter((id) => id !== targetId && ranking.runs.some((run) => run.jobId === id)),
    ],
    skipped_baselines: skippedBaselines,
    position: {
      found: true,
      job_id: targetId,
      ...position,
      rank_source: "reported_rank",
      winner_job_id: ranking.winnerJobId,
      winner_score: ranking.winnerScore,
      score_spread: ranking.scoreSpread,
    },
    ranking: baselineRanking(ranking),
  };
}

function baselineRanking(ranking: Ranking) {
  return {
    rule: ranking.rule,
    speed_rule: ranking.speedRule,
    winner_job_id: ranking.winnerJobId,
    winner_score: ranking.winnerScore,
    score_spread: ranking.scoreSpread,
    ranking: ranking.runs.map((run) => ({
      ...rankedRunJson(run),
      job_name: run.judgement.facts.job.name,
      metrics: metricsJson(run.judgement),
    })),
  };
}
