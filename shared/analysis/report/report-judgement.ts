import { adaptiveLimitsId } from "../adaptive-limits.ts";
import type { Evaluation, NotEvaluated } from "../evaluate.ts";
import type { Intelligence } from "../intelligence.ts";
import { componentNames } from "../judge-run.ts";
import type { ComponentName, Judgement } from "../judge-run.ts";
import type { NextExperiment } from "../next-experiment.ts";
import { throughputCurve } from "../throughput.ts";

export const skipped = { skipped: true } as const;

/** Every component's score with its rule and evidence; the grades and gates point here. */
export function scoreEvidence({ components }: Judgement) {
  const of = (name: ComponentName) => {
    const { value, rule, evidence, unknown } = components[name];
    return { score: value, rule, unknown, evidence: { ...evidence } };
  };
  return {
    convergence: of("convergence"),
    stability: of("stability"),
    speed: of("speed"),
    dataset: of("dataset"),
    caption_quality: of("caption_quality"),
  };
}

/** The contract knows no grade without a number: too little evidence is `{skipped: true}`, the reason stands in intelligence. */
export function evaluationJson(
  evaluation: Evaluation | { readonly notEvaluated: NotEvaluated } | null,
) {
  if (evaluation === null || "notEvaluated" in evaluation) return skipped;
  return {
    overall_score: evaluation.overallScore,
    grade: evaluation.grade,
    passed: evaluation.passed,
    pass_threshold: evaluation.passThreshold,
    components: { ...evaluation.components },
    weights: { ...evaluation.weights },
    diagnostics: [...evaluation.diagnostics],
    rule: evaluation.rule,
    known_weight: evaluation.knownWeight,
    provisional: evaluation.provisional,
    evidence_at: "run_report.scores",
  };
}

export function intelligenceJson(
  intelligence: Intelligence,
  { facts, throughput }: Judgement,
  notEvaluated: NotEvaluated | null,
) {
  const { limits, gates } = intelligence;
  return {
    rule: intelligence.rule,
    scores: {
      overall: intelligence.overall,
      // The earlier documents show the components flat, its code nested: both are there.
      ...intelligence.components,
      components: { ...intelligence.components },
      weights: { ...intelligence.weights },
      known_weight: intelligence.knownWeight,
      unknown: componentNames.filter((name) => intelligence.components[name] === null),
      evidence_at: "run_report.scores",
    },
    bottlenecks: intelligence.bottlenecks.map((one) => ({
      code: one.code,
      severity: one.severity,
      message: one.message,
      evidence: { ...one.evidence },
      confidence: one.confidence,
      confidence_source: one.confidenceSource,
    })),
    recommendations: intelligence.recommendations.map((one) => ({
      ...one,
      title: intelligence.bottlenecks.find(({ code }) => code === one.for)?.message ?? "",
    })),
    decision_gates: {
      requires_immediate_stop: gates.requiresImmediateStop,
      requires_dataset_repair: gates.requiresDatasetRepair,
      requires_caption_repair: gates.requiresCaptionRepair,
      ready_for_long_run: gates.readyForLongRun,
      ready_for_release: gates.safeToExport,
      safe_to_export: gates.safeToExport,
    },
    thresholds: {
      id: adaptiveLimitsId,
      ready_overall_min: limits.readyOverallMin,
      safe_export_overall_min: limits.safeExportOverallMin,
      speed_bottleneck_score: limits.speedBottleneckScore,
      dataset_repair_score: limits.datasetRepairScore,
      caption_repair_score: limits.captionRepairScore,
    },
    context: {
      model_family: throughput.family,
      run_class: throughput.runClass,
      hparams: hparams(facts.config),
      speed_curve_id: throughputCurve.id,
      speed_curve_thresholds: throughput.curve === null ? null : { ...throughput.curve },
      evaluation_skipped: notEvaluated,
    },
    confidence: intelligence.confidence,
  };
}

/** Nulls are left out, as the seeds do. */
export function hparams(config: Judgement["facts"]["config"]): Record<string, string | number> {
  const all = {
    model: config.modelName,
    arch: config.arch,
    steps: config.steps,
    learning_rate: config.learningRate,
    rank: config.rank,
    alpha: config.alpha,
    batch_size: config.batchSize,
    resolution: config.resolution === null ? null : Math.max(...config.resolution),
    optimizer: config.optimizer,
  };
  const said: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(all)) {
    if (typeof value === "string" || Number.isFinite(value)) said[name] = value as string | number;
  }
  return said;
}

export function nextExperimentJson(next: NextExperiment | null) {
  if (next === null) return skipped;
  return {
    recommendation_type: next.type,
    parameter: next.parameter,
    current: next.current,
    proposed: next.proposed,
    expected_impact: next.impact,
    risk_level: next.risk,
    rationale: next.rationale,
    validation_plan: [...next.validationPlan],
    rule: next.rule,
    evidence: { ...next.evidence },
  };
}
