import { publicStatus } from "../../jobs/state.ts";
import { baselineJson } from "./baseline-report.ts";
import type { SkippedBaseline } from "./baseline-report.ts";
import { defaultPassThreshold, evaluate, evaluationWeights } from "../evaluate.ts";
import type { Weights } from "../evaluate.ts";
import { onlyIncluded } from "./included-facts.ts";
import { judgeIntelligence } from "../intelligence.ts";
import { judgeRun } from "../judge-run.ts";
import { nextExperiment } from "../next-experiment.ts";
import {
  evaluationJson,
  intelligenceJson,
  nextExperimentJson,
  skipped,
} from "./report-judgement.ts";
import type { RunFacts } from "../run-facts.ts";
import { instant, runReport } from "./run-report.ts";
import { clamp } from "../score.ts";

/** The arguments of get-training-observability as its answer repeats them (peers 1.3). */
export interface ReportInputs {
  readonly lines: number;
  readonly includeDataset: boolean;
  readonly includeNlp: boolean;
  readonly includeRawLogExcerpt: boolean;
  readonly excerptLines: number;
  readonly maxDatasetFiles: number;
  readonly includeEvaluation: boolean;
  /** Needs the evaluation. */
  readonly includeNextExperiment: boolean;
  readonly includeBaselineComparison: boolean;
  readonly baselineLimit: number;
  readonly baselineJobIds: readonly string[];
  readonly passThreshold: number;
}

export const defaultReportInputs: ReportInputs = {
  lines: 500,
  includeDataset: true,
  includeNlp: true,
  includeRawLogExcerpt: false,
  excerptLines: 120,
  maxDatasetFiles: 5_000,
  includeEvaluation: true,
  includeNextExperiment: true,
  includeBaselineComparison: false,
  baselineLimit: 5,
  baselineJobIds: [],
  passThreshold: defaultPassThreshold,
};

export interface ReportOptions {
  readonly nowMs: number;
  readonly inputs: ReportInputs;
  readonly weights?: Weights;
  /** Facts of the baselines, in the order asked for; the report's own job is left out here. */
  readonly baselines?: readonly RunFacts[];
  /** Baselines that could not be had. */
  readonly skippedBaselines?: readonly SkippedBaseline[];
  /** The log's end, redacted; data, in this one field. */
  readonly rawLogExcerpt?: string | null;
  readonly requestedConfigName?: string | null;
}

export type Report = ReturnType<typeof buildReport>;

/**
 * The whole answer of get-training-observability, valid against the seeds' schema file for any facts: the top level is
 * theirs and closed, what is ours stands inside `inputs`, `run_report` and `intelligence`. Pure, and as dear after
 * 5,000,000 steps as after 5,000.
 */
export function buildReport(given: RunFacts, options: ReportOptions) {
  const { inputs, nowMs } = options;
  const facts = onlyIncluded(given, inputs);
  const judgement = judgeRun(facts);
  const evaluation = inputs.includeEvaluation
    ? evaluate(judgement, {
        weights: options.weights ?? evaluationWeights,
        passThreshold: inputs.passThreshold,
      })
    : null;
  const notEvaluated =
    evaluation !== null && "notEvaluated" in evaluation ? evaluation.notEvaluated : null;
  const wantsNext = inputs.includeEvaluation && inputs.includeNextExperiment;
  const report = runReport(judgement, inputs);
  const { job, loss } = facts;
  return {
    job_id: job.id,
    generated_at: instant(nowMs) ?? "",
    analysis_mode: "deep_log_intelligence" as const,
    overall_health: judgement.health as string,
    status_snapshot: statusSnapshot(facts),
    system_snapshot: systemSnapshot(facts),
    config_context: {
      requested_config_name: options.requestedConfigName ?? null,
      resolved_config_name: job.configName,
      config_source: "job_payload",
    },
    logs: {
      analyzed_line_count: null,
      requested_line_count: inputs.lines,
      analyzed_points: loss.count,
      source: "running_aggregates",
    },
    dataset_resolution: {
      dataset_path: facts.dataset?.path ?? facts.config.datasetPath,
      dataset_source: "config",
    },
    inputs: inputsJson(inputs),
    run_report: report,
    evaluation: evaluationJson(evaluation),
    intelligence: intelligenceJson(
      judgeIntelligence(judgement, evaluation),
      judgement,
      notEvaluated,
    ),
    next_experiment: wantsNext ? nextExperimentJson(nextExperiment(judgement)) : skipped,
    baseline_comparison: inputs.includeBaselineComparison
      ? baselineJson(
          judgement,
          (options.baselines ?? [])
            .filter((one) => one.job.id !== job.id)
            .slice(0, Math.max(0, inputs.baselineLimit))
            .map((one) => judgeRun(onlyIncluded(one, inputs))),
          options.skippedBaselines ?? [],
        )
      : skipped,
    speed_analysis: report.speed_analysis,
    quality_analysis: report.quality_analysis,
    error_analysis: report.error_analysis,
    dataset_analysis: report.dataset_analysis,
    nlp_analysis: report.nlp_analysis,
    alerts: report.alerts,
    ...(inputs.includeRawLogExcerpt && typeof options.rawLogExcerpt === "string"
      ? { raw_log_excerpt: options.rawLogExcerpt }
      : {}),
  };
}

function inputsJson(inputs: ReportInputs) {
  return {
    lines: whole(inputs.lines),
    include_dataset: inputs.includeDataset,
    include_nlp: inputs.includeNlp,
    include_raw_log_excerpt: inputs.includeRawLogExcerpt,
    excerpt_lines: whole(inputs.excerptLines),
    max_dataset_files: whole(inputs.maxDatasetFiles),
    include_evaluation: inputs.includeEvaluation,
    include_next_experiment: inputs.includeNextExperiment,
    include_baseline_comparison: inputs.includeBaselineComparison,
    baseline_limit: whole(inputs.baselineLimit),
    baseline_job_ids: [...inputs.baselineJobIds],
    pass_threshold: clamp(inputs.passThreshold, 0, 100),
  };
}

function whole(value: number): number {
  return Math.round(value);
}

function statusSnapshot({ job, failure, speed }: RunFacts) {
  const progress =
    job.currentStep === null || job.totalSteps === null || job.totalSteps <= 0
      ? null
      : Math.floor(clamp((100 * job.currentStep) / job.totalSteps, 0, 100));
  return {
    found: true,
    status: publicStatus(job.state) as string,
    phase: job.phase,
    progress,
    current_step: job.currentStep,
    total_steps: job.totalSteps,
    remaining_seconds: job.remainingSeconds,
    info: failure?.message ?? null,
    speed_string: speed.last === null ? null : speedString(speed.last),
    started_at: instant(job.startedAtMs),
    ended_at: instant(job.endedAtMs),
    observed_at: instant(job.observedAtMs),
    trainer: job.trainer,
    trainer_version: job.trainerVersion,
    agent: job.agentName,
  };
}

/** As AI Toolkit writes it. */
function speedString(rate: number): string {
  return rate >= 1 ? `${rate.toFixed(2)} iter/sec` : `${(1 / rate).toFixed(2)} sec/iter`;
}

function systemSnapshot({ hardware }: RunFacts) {
  return {
    known: hardware !== null,
    gpu_name: hardware?.gpuName ?? null,
    gpu_memory_used: hardware?.gpuMemoryUsedMb ?? null,
    gpu_memory_peak: hardware?.gpuMemoryPeakMb ?? null,
    gpu_memory_total: hardware?.gpuMemoryTotalMb ?? null,
    gpu_utilization: hardware?.gpuUtilizationPct ?? null,
    gpu_temperature: hardware?.gpuTemperatureC ?? null,
    cpu_percent: hardware?.cpuPercent ?? null,
    ram_used: hardware?.ramUsedGb ?? null,
    ram_total: hardware?.ramTotalGb ?? null,
    active_jobs: hardware?.activeJobs ?? null,
  };
}
