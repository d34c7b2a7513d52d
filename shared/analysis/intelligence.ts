import type { JsonValue } from "../tools/vocabulary.ts";
import { adaptiveLimits } from "./adaptive-limits.ts";
import type { AdaptiveLimits } from "./adaptive-limits.ts";
import type { Evaluation, NotEvaluated, Weights } from "./evaluate.ts";
import type { FindingCategory, Severity } from "./findings.ts";
import { componentValues } from "./judge-run.ts";
import type { ComponentName, Judgement } from "./judge-run.ts";
import { clamp, round, weightedScore } from "./score.ts";

interface Bottleneck {
  readonly code: BottleneckCode;
  readonly severity: Severity;
  readonly message: string;
  readonly evidence: Readonly<Record<string, JsonValue>>;
  readonly confidence: number;
  /** The seeds' contract: the best finding of the category, or a default by severity. */
  readonly confidenceSource: "alert_category_max" | "severity_default";
}

type BottleneckCode =
  | "QUALITY_NUMERICAL"
  | "QUALITY_CRITICAL"
  | "QUALITY_REGRESSION"
  | "THROUGHPUT_LOW"
  | "ERROR_CRITICAL"
  | "ERROR_WARNING"
  | "DATASET_UNRESOLVED"
  | "DATASET_QUALITY_LOW"
  | "CAPTION_QUALITY_LOW";

interface DecisionGates {
  readonly requiresImmediateStop: boolean;
  readonly requiresDatasetRepair: boolean;
  readonly requiresCaptionRepair: boolean;
  readonly readyForLongRun: boolean;
  readonly safeToExport: boolean;
}

export interface Intelligence {
  readonly rule: "intelligence_v2";
  /** Null while nothing is known. */
  readonly overall: number | null;
  readonly components: Readonly<Record<ComponentName, number | null>>;
  readonly weights: Weights;
  readonly knownWeight: number;
  readonly bottlenecks: readonly Bottleneck[];
  readonly recommendations: readonly {
    readonly priority: Severity;
    readonly for: BottleneckCode;
    readonly action: string;
  }[];
  readonly gates: DecisionGates;
  readonly limits: AdaptiveLimits;
  /** 0.35 to 0.95, by how many components are known (peers 2.7). */
  readonly confidence: number;
}

/** Peers 2.7. */
const intelligenceWeights: Weights = {
  convergence: 0.3,
  stability: 0.3,
  speed: 0.2,
  dataset: 0.12,
  caption_quality: 0.08,
};

/**
 * `intelligence_v2`: the seeds' gates and bottlenecks; an unknown speed or convergence drops out (they took 0 and 50), the
 * dataset's bottleneck uses the adaptive limit as its gate does, and only what is known can open a gate.
 */
export function judgeIntelligence(
  judgement: Judgement,
  evaluation: Evaluation | { readonly notEvaluated: NotEvaluated } | null,
): Intelligence {
  const components = componentValues(judgement);
  const { value: overall, known } = weightedScore(components, intelligenceWeights);
  const { family, runClass } = judgement.throughput;
  const limits = adaptiveLimits(family, runClass);
  const bottlenecks = bottlenecksOf(judgement, components, limits);
  return {
    rule: "intelligence_v2",
    overall,
    components,
    weights: intelligenceWeights,
    knownWeight: round(known, 4),
    bottlenecks,
    recommendations: bottlenecks.map(({ code, severity }) => ({
      priority: severity,
      for: code,
      action: actionFor(code, judgement),
    })),
    gates: gatesOf(judgement, { overall, known, components, limits, bottlenecks }, evaluation),
    limits,
    confidence: round(
      clamp(0.35 + 0.12 * Object.values(components).filter((v) => v !== null).length, 0.35, 0.95),
      2,
    ),
  };
}

function bottlenecksOf(
  judgement: Judgement,
  components: Record<ComponentName, number | null>,
  limits: AdaptiveLimits,
): Bottleneck[] {
  const { quality, throughput, findings, facts, course, styleFlags } = judgement;
  const found: Bottleneck[] = [];
  const add = (
    code: BottleneckCode,
    severity: Severity,
    category: FindingCategory,
    message: string,
    evidence: Bottleneck["evidence"],
  ): void => {
    found.push({
      code,
      severity,
      message,
      evidence,
      ...confidenceOf(judgement, category, severity),
    });
  };
  if (quality.nonFinite === "broken") {
    add("QUALITY_NUMERICAL", "critical", "quality", "The loss is not a number.", {
      nan_count: facts.loss.nanCount,
      inf_count: facts.loss.infCount,
    });
  } else if (quality.status === "critical") {
    add("QUALITY_CRITICAL", "critical", "quality", "The loss has left its best level.", {
      diverged: course.diverged,
    });
  } else if (quality.trend === "regressing") {
    add("QUALITY_REGRESSION", "warning", "quality", "The loss rises.", {
      change_pct: round(course.trend.changePct, 2),
      confidence: round(course.trend.confidence, 4),
    });
  }
  const slow =
    throughput.status === "critical" ||
    (components.speed !== null && components.speed < limits.speedBottleneckScore);
  if (slow) {
    const severity = throughput.status === "critical" ? "critical" : "warning";
    add("THROUGHPUT_LOW", severity, "speed", "Speed holds the run back.", {
      iter_per_sec_median: throughput.median,
      score: components.speed,
      limit: limits.speedBottleneckScore,
    });
  }
  const errors = findings.filter(({ category }) => category === "errors");
  const worst = errors.find(({ severity }) => severity !== "info");
  if (worst !== undefined) {
    const critical = worst.severity === "critical";
    add(
      critical ? "ERROR_CRITICAL" : "ERROR_WARNING",
      worst.severity,
      "errors",
      critical ? "An error ended the run." : "Errors disturb the run.",
      { findings: errors.map(({ code }) => code) },
    );
  }
  if (facts.dataset?.exists === false) {
    add("DATASET_UNRESOLVED", "warning", "dataset", "The dataset was not found.", {});
  } else if (components.dataset !== null && components.dataset < limits.datasetRepairScore) {
    add("DATASET_QUALITY_LOW", "warning", "dataset", "The dataset holds the run back.", {
      score: components.dataset,
      limit: limits.datasetRepairScore,
    });
  }
  const captions = components.caption_quality;
  if (captions !== null && (captions < limits.captionRepairScore || styleFlags.length > 0)) {
    add("CAPTION_QUALITY_LOW", "warning", "nlp", "The captions hold the run back.", {
      score: captions,
      limit: limits.captionRepairScore,
      style_flags: [...styleFlags],
    });
  }
  return found;
}

function confidenceOf(
  { findings }: Judgement,
  category: FindingCategory,
  severity: Severity,
): Pick<Bottleneck, "confidence" | "confidenceSource"> {
  const all = findings.filter((one) => one.category === category).map((one) => one.confidence);
  if (all.length > 0) {
    return {
      confidence: clamp(Math.max(...all), 0.1, 0.99),
      confidenceSource: "alert_category_max",
    };
  }
  const byDefault: Record<Severity, number> = { critical: 0.9, warning: 0.72, info: 0.65 };
  return { confidence: byDefault[severity], confidenceSource: "severity_default" };
}

interface Known {
  readonly overall: number | null;
  readonly known: number;
  readonly components: Record<ComponentName, number | null>;
  readonly limits: AdaptiveLimits;
  readonly bottlenecks: readonly Bottleneck[];
}

function gatesOf(
  { health, facts }: Judgement,
  { overall, known, components, limits, bottlenecks }: Known,
  evaluation: Evaluation | { readonly notEvaluated: NotEvaluated } | null,
): DecisionGates {
  const stopCodes: readonly BottleneckCode[] = [
    "QUALITY_NUMERICAL",
    "QUALITY_CRITICAL",
    "ERROR_CRITICAL",
  ];
  const requiresImmediateStop = bottlenecks.some(({ code }) => stopCodes.includes(code));
  const below = (score: number | null, limit: number): boolean => score !== null && score < limit;
  // With less than half of the weight known a good overall says little: the gate stays shut.
  const readyForLongRun =
    overall !== null &&
    known >= 0.5 &&
    overall >= limits.readyOverallMin &&
    !requiresImmediateStop &&
    health !== "critical";
  const { finalModel, last } = facts.checkpoints;
  const failedEvaluation =
    evaluation !== null && ("notEvaluated" in evaluation || !evaluation.passed);
  return {
    requiresImmediateStop,
    requiresDatasetRepair: below(components.dataset, limits.datasetRepairScore),
    requiresCaptionRepair: below(components.caption_quality, limits.captionRepairScore),
    readyForLongRun,
    safeToExport:
      readyForLongRun &&
      (overall ?? 0) >= limits.safeExportOverallMin &&
      !failedEvaluation &&
      (finalModel || last !== null),
  };
}

/** One sentence of ours a code; a failure brings its own fix. */
function actionFor(code: BottleneckCode, { facts }: Judgement): string {
  switch (code) {
    case "QUALITY_NUMERICAL":
      return "Stop the job, lower the learning rate by 30 % and start again from the last checkpoint before the first NaN.";
    case "QUALITY_CRITICAL":
      return "Stop the job, take the checkpoint at the lowest loss, and lower the learning rate.";
    case "QUALITY_REGRESSION":
      return "Compare samples of earlier checkpoints, and lower the learning rate for the next run.";
    case "THROUGHPUT_LOW":
      return "Look for another process on the GPU and for memory spilling to RAM; lower the resolution or quantize the model.";
    case "ERROR_CRITICAL":
      return (
        facts.failure?.fix ??
        "Read the end of the log with get-training-logs before starting again."
      );
    case "ERROR_WARNING":
      return facts.job.state === "interrupted"
        ? "Resume the job from its last checkpoint."
        : "Read the errors with get-training-logs; free GPU memory if batches were skipped.";
    case "DATASET_UNRESOLVED":
      return "Check the dataset's name with list-datasets, or upload it.";
    case "DATASET_QUALITY_LOW":
      return "Add the missing captions, and take out duplicates and images that cannot be read.";
    case "CAPTION_QUALITY_LOW":
      return "Write captions that say what differs from image to image.";
  }
}
