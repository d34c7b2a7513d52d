import { bandSource, rankRuns } from "../compare.ts";
import type { RankedRun } from "../compare.ts";
import { onlyIncluded } from "./included-facts.ts";
import { judgeRun } from "../judge-run.ts";
import type { RunFacts } from "../run-facts.ts";
import { instant, metricsJson, runReport } from "./run-report.ts";

interface CompareInputs {
  /** Jobs that were looked at, and what the caller had asked for. */
  readonly jobIds: readonly string[];
  readonly requestedJobIds: readonly string[];
  readonly logLines: number;
  readonly includeDataset: boolean;
  readonly includeNlp: boolean;
  readonly onlyTerminalRuns: boolean;
}

export interface CompareOptions {
  readonly nowMs: number;
  readonly inputs: CompareInputs;
  /** Left out before judging, such as `job_not_found` or `non_terminal_status`. */
  readonly skippedRuns: readonly {
    readonly jobId: string;
    readonly reason: string;
    readonly status?: string;
  }[];
  /** `full` carries each run's whole report, as the seeds do; `compact` its metrics. */
  readonly items: "full" | "compact";
}

/**
 * The answer of compare-training-runs, valid against the seeds' schema file. `report` is null when no run could be ranked:
 * their shape has no empty ranking, so the tool answers an error that carries `skipped`.
 */
export function buildComparison(runs: readonly RunFacts[], options: CompareOptions) {
  const { inputs } = options;
  const judgements = runs.map((facts) => judgeRun(onlyIncluded(facts, inputs)));
  const { ranking, skipped } = rankRuns(judgements);
  const skippedRuns = [
    ...options.skippedRuns.map(({ jobId, reason, status }) => ({
      job_id: jobId,
      reason,
      ...(status === undefined ? {} : { status }),
    })),
    ...skipped.map(({ jobId, reason, missing }) => ({
      job_id: jobId,
      reason,
      missing: [...missing],
    })),
  ];
  if (ranking === null) return { report: null, skipped: skippedRuns };
  const report = {
    generated_at: instant(options.nowMs) ?? "",
    inputs: {
      job_ids: [...inputs.jobIds],
      requested_job_ids: [...inputs.requestedJobIds],
      log_lines: Math.round(inputs.logLines),
      include_dataset: inputs.includeDataset,
      include_nlp: inputs.includeNlp,
      only_terminal_runs: inputs.onlyTerminalRuns,
      rule: ranking.rule,
      speed_rule: ranking.speedRule,
    },
    compared_count: ranking.runs.length,
    skipped_runs: skippedRuns,
    ranking: {
      winner_job_id: ranking.winnerJobId,
      winner_score: ranking.winnerScore,
      score_spread: ranking.scoreSpread,
      ranking: ranking.runs.map((run) => ({
        ...(options.items === "full"
          ? runReport(run.judgement, inputs)
          : { job_name: run.judgement.facts.job.name, metrics: metricsJson(run.judgement) }),
        ...rankedRunJson(run),
      })),
    },
  };
  return { report, skipped: skippedRuns };
}

/** The part of a ranking's item that the contract fixes. `scores` replaces the run report's evidence of the same name. */
export function rankedRunJson(run: RankedRun) {
  return {
    job_id: run.jobId,
    rank: run.rank,
    scores: {
      total: run.total,
      components: { ...run.components },
      weights: { ...run.weights },
    },
    delta_to_winner: {
      total: run.delta.total,
      total_band: run.delta.totalBand as string,
      components: { ...run.delta.components },
      component_bands: { ...run.delta.componentBands },
      band_source: {
        id: bandSource.id as string,
        units: bandSource.units as string,
        thresholds: { ...bandSource.thresholds },
      },
    },
  };
}
