import { publicStatus } from "../../jobs/state.ts";
import type { Included } from "./included-facts.ts";
import { componentValues } from "../judge-run.ts";
import type { Judgement } from "../judge-run.ts";
import {
  datasetAnalysis,
  errorAnalysis,
  nlpAnalysis,
  qualityAnalysis,
  speedAnalysis,
} from "./report-analyses.ts";
import { hparams, scoreEvidence, skipped } from "./report-judgement.ts";
import { round } from "../score.ts";

/** One run's own report (`run_report` of the contract, and an item of a full comparison). */
export function runReport(judgement: Judgement, included: Included) {
  const { facts, health } = judgement;
  const { job, checkpoints } = facts;
  const alerts = alertsJson(judgement);
  return {
    job_id: job.id,
    job_name: job.name,
    status: publicStatus(job.state) as string,
    overall_health: health as string,
    metrics: metricsJson(judgement),
    scores: scoreEvidence(judgement),
    quality_analysis: qualityAnalysis(judgement),
    speed_analysis: speedAnalysis(judgement),
    error_analysis: errorAnalysis(judgement),
    dataset_analysis: included.includeDataset ? datasetAnalysis(judgement) : skipped,
    nlp_analysis: included.includeNlp ? nlpAnalysis(judgement) : skipped,
    alerts,
    highlights: alerts.slice(0, 5).map(({ message }) => message),
    dataset_path: facts.dataset?.path ?? facts.config.datasetPath,
    hparams: hparams(facts.config),
    checkpoints: {
      count: checkpoints.count,
      last_step: checkpoints.last?.step ?? null,
      last_path: checkpoints.last?.path ?? null,
      final_model: checkpoints.finalModel,
      samples: checkpoints.samples,
    },
    attempts: job.attempts,
  };
}

export function metricsJson(judgement: Judgement) {
  const { throughput, course } = judgement;
  const components = componentValues(judgement);
  return {
    convergence_score: components.convergence,
    speed_mean_iter_per_sec: throughput.mean,
    speed_median_iter_per_sec: throughput.median,
    speed_last_iter_per_sec: throughput.last,
    speed_score: components.speed,
    stability_score: components.stability,
    dataset_quality_score: components.dataset,
    caption_quality_score: components.caption_quality,
    loss_trend: course.trend.verdict as string,
    loss_improvement_pct: round(course.improvementPct, 2),
  };
}

/** Findings of the judging first, then what the job's own timeline holds and no finding says already. */
export function alertsJson({ findings, facts }: Judgement) {
  const said = new Set<string>(findings.map(({ code }) => code));
  const timeline = facts.alerts.filter(({ code }) => {
    const fresh = !said.has(code);
    said.add(code);
    return fresh;
  });
  return [
    ...findings.map((finding) => ({
      code: finding.code as string,
      severity: finding.severity as string,
      category: finding.category as string,
      message: finding.message,
      confidence: finding.confidence,
      evidence: { ...finding.evidence },
      source: "report",
    })),
    ...timeline.map((alert) => ({
      code: alert.code,
      severity: alert.severity as string,
      category: alert.category,
      message: alert.message,
      confidence: 0.9,
      evidence: { step: alert.step, at: instant(alert.atMs), guardrail: alert.guardrail },
      source: "timeline",
    })),
  ];
}

/** ISO 8601, or null for what is no time. */
export function instant(atMs: number | null): string | null {
  if (atMs === null || !(Math.abs(atMs) <= 8.64e15)) return null;
  return new Date(atMs).toISOString();
}
