import type { JsonValue } from "../tools/vocabulary.ts";
import type { Quality } from "./loss/convergence.ts";
import { captionFindings, datasetFindings } from "./dataset-findings.ts";
import type { StyleFlag } from "./dataset-score.ts";
import type { LossCourse } from "./loss/loss-course.ts";
import type { OverfitSigns } from "./loss/overfit.ts";
import type { RunFacts } from "./run-facts.ts";
import { round, significant } from "./score.ts";
import type { Throughput } from "./throughput.ts";

export type Severity = "info" | "warning" | "critical";
export type FindingCategory = "errors" | "quality" | "speed" | "dataset" | "nlp";
export type Health = "healthy" | "warning" | "critical" | "unknown";

/** What judging found wrong in a run. The same finding has the same code and the same message text while it lasts. */
export interface RunFinding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly category: FindingCategory;
  /** A sentence of ours, with no count in it: whoever dedupes by text must not see a new one each minute. */
  readonly message: string;
  /** 0.1 to 0.99: the seeds' figure for the rule (peers 2.7), or the measured one of the trend. */
  readonly confidence: number;
  readonly evidence: Readonly<Record<string, JsonValue>>;
}

export const findingCodes = [
  "JOB_FAILED",
  "GUARDRAIL_STOPPED",
  "JOB_INTERRUPTED",
  "OUT_OF_MEMORY_SKIPPED",
  "TRACEBACKS_SURVIVED",
  "ERROR_LINES",
  "LOSS_NOT_FINITE",
  "LOSS_DIVERGED",
  "LOSS_RISING",
  "LOSS_SPIKES",
  "LOSS_PLATEAU",
  "OVERFITTING",
  "MANY_PASSES",
  "THROUGHPUT_LOW",
  "THROUGHPUT_DROPPED",
  "DATASET_NOT_FOUND",
  "DATASET_EMPTY",
  "DATASET_CAPTIONS_MISSING",
  "DATASET_DUPLICATES",
  "DATASET_CORRUPT_IMAGES",
  "CAPTIONS_LOW_DIVERSITY",
  "CAPTIONS_TOO_SHORT",
] as const;
export type FindingCode = (typeof findingCodes)[number];

export interface FindingInput {
  readonly facts: RunFacts;
  readonly course: LossCourse;
  readonly quality: Quality;
  readonly throughput: Throughput;
  readonly overfit: OverfitSigns;
  readonly styleFlags: readonly StyleFlag[];
}

const order: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

/** Worst first, then in the order of `findingCodes`. */
export function runFindings(input: FindingInput): RunFinding[] {
  return [
    ...errorFindings(input.facts),
    ...qualityFindings(input),
    ...speedFindings(input.throughput),
    ...datasetFindings(input.facts.dataset),
    ...captionFindings(input.styleFlags),
  ].sort((a, b) => order[a.severity] - order[b.severity]);
}

/** Unknown when there is nothing that could have been ill: no loss, no speed, no end. */
export function healthOf(facts: RunFacts, findings: readonly RunFinding[]): Health {
  if (findings.some(({ severity }) => severity === "critical")) return "critical";
  if (findings.some(({ severity }) => severity === "warning")) return "warning";
  const seen = facts.loss.count > 0 || facts.speed.count > 0 || facts.job.state === "completed";
  return seen ? "healthy" : "unknown";
}

function errorFindings({ job, failure, faults, alerts }: RunFacts): RunFinding[] {
  const found: RunFinding[] = [];
  const guardrail = alerts.findLast((alert) => alert.guardrail);
  if (job.state === "failed") {
    found.push({
      code: "JOB_FAILED",
      severity: "critical",
      category: "errors",
      message: "The job failed.",
      confidence: 0.95,
      evidence: { failure_code: failure?.code ?? null, category: failure?.category ?? null },
    });
  }
  if (guardrail !== undefined) {
    found.push({
      code: "GUARDRAIL_STOPPED",
      severity: "critical",
      category: "errors",
      message: "A guardrail stopped the job.",
      confidence: 0.98,
      evidence: { rule: guardrail.code, step: guardrail.step },
    });
  }
  if (job.state === "interrupted") {
    found.push({
      code: "JOB_INTERRUPTED",
      severity: "warning",
      category: "errors",
      message: "The job was interrupted from outside; it can go on from its last checkpoint.",
      confidence: 0.9,
      evidence: { failure_code: failure?.code ?? null },
    });
  }
  if (faults.oomSkipped > 0) {
    found.push({
      code: "OUT_OF_MEMORY_SKIPPED",
      severity: faults.oomSkipped >= 3 ? "warning" : "info",
      category: "errors",
      message: "Batches were skipped for lack of GPU memory; the run went on.",
      confidence: 0.9,
      evidence: { oom_skipped: faults.oomSkipped },
    });
  }
  const survived = Math.max(0, faults.tracebacks - (job.state === "failed" ? 1 : 0));
  if (survived > 0) {
    found.push({
      code: "TRACEBACKS_SURVIVED",
      severity: "warning",
      category: "errors",
      message: "The log holds tracebacks that did not end the run.",
      confidence: 0.75,
      evidence: { tracebacks: survived },
    });
  }
  if (faults.errorLines > 0) {
    found.push({
      code: "ERROR_LINES",
      severity: "info",
      category: "errors",
      message: "The log holds lines that speak of errors.",
      confidence: 0.5,
      evidence: { error_lines: faults.errorLines },
    });
  }
  return found;
}

function qualityFindings({ facts, course, quality, overfit }: FindingInput): RunFinding[] {
  const found: RunFinding[] = [];
  const add = (
    code: FindingCode,
    severity: Severity,
    confidence: number,
    message: string,
    evidence: RunFinding["evidence"],
  ): void => {
    found.push({ code, severity, category: "quality", message, confidence, evidence });
  };
  const { loss } = facts;
  const { trend } = course;
  if (quality.nonFinite !== "none") {
    const broken = quality.nonFinite === "broken";
    add(
      "LOSS_NOT_FINITE",
      broken ? "critical" : quality.nonFinite === "some" ? "warning" : "info",
      0.98,
      broken
        ? "The loss is not a number again and again; the weights are most likely lost."
        : "The loss was not a number at single steps; the run came back from it.",
      {
        nan_count: loss.nanCount,
        inf_count: loss.infCount,
        first_step: loss.firstNonFiniteStep,
        last_step: loss.lastNonFiniteStep,
      },
    );
  }
  if (course.diverged === true) {
    add("LOSS_DIVERGED", "critical", 0.95, "The loss is far above its own best level.", {
      loss_now: significant(course.now?.loss ?? null),
      loss_best: significant(course.best?.loss ?? null),
      best_at_step: course.best?.toStep ?? null,
    });
  } else if (trend.verdict === "rising") {
    const evidence = {
      method: trend.method,
      slope_per_1000_steps: significant(trend.slopePer1000),
      error_per_1000_steps: significant(trend.errorPer1000),
      points: trend.points,
    };
    const confidence = Math.min(0.99, round(trend.confidence ?? 0.78, 4));
    add("LOSS_RISING", "warning", confidence, "The loss rises.", evidence);
  }
  if (course.spikeClusters > 0) {
    add("LOSS_SPIKES", "warning", 0.8, "The loss jumps in bursts of steps.", {
      clusters: course.spikeClusters,
      last_step: loss.spikes.lastClusterStep,
      worst_ratio: significant(loss.spikes.worstRatio),
    });
  }
  if (course.plateau === true && facts.job.state === "running") {
    add("LOSS_PLATEAU", "info", 0.9, "The loss no longer falls.", {
      from_step: course.recent.fromStep,
      change_pct: round(course.recent.changePct, 2),
    });
  }
  if (overfit.verdict === "overfitting") {
    add(
      "OVERFITTING",
      "warning",
      0.85,
      "The validation loss rises while the training loss does not.",
      {
        rule: overfit.rule,
      },
    );
  }
  if (overfit.manyPasses === true && overfit.verdict !== "not_seen") {
    add(
      "MANY_PASSES",
      "info",
      0.5,
      "Each image was trained on very often; compare samples of earlier checkpoints.",
      {
        passes_per_image: overfit.passesPerImage,
      },
    );
  }
  return found;
}

function speedFindings(throughput: Throughput): RunFinding[] {
  const { status, median, recentPct, curve, family, runClass } = throughput;
  const found: RunFinding[] = [];
  if (status === "critical" || status === "slow") {
    found.push({
      code: "THROUGHPUT_LOW",
      severity: status === "critical" ? "critical" : "warning",
      category: "speed",
      message: "The job is slow for its kind of model and run.",
      confidence: status === "critical" ? 0.95 : 0.76,
      evidence: {
        iter_per_sec_median: median,
        watch: curve?.watch ?? null,
        poor: curve?.poor ?? null,
        model_family: family,
        run_class: runClass,
      },
    });
  }
  if (recentPct !== null && recentPct <= -50) {
    found.push({
      code: "THROUGHPUT_DROPPED",
      severity: "warning",
      category: "speed",
      message: "The job has lost half of its usual speed.",
      confidence: 0.85,
      evidence: { recent_pct: recentPct, iter_per_sec_median: median },
    });
  }
  return found;
}
