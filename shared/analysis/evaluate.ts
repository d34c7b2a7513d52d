import { componentNames, componentValues } from "./judge-run.ts";
import type { ComponentName, Judgement } from "./judge-run.ts";
import { clamp, round, weightedScore } from "./score.ts";

export type Weights = Readonly<Record<ComponentName, number>>;
type Grade = "A" | "B" | "C" | "D" | "F";

/** Peers 2.6. */
export const evaluationWeights: Weights = {
  convergence: 0.35,
  stability: 0.3,
  speed: 0.2,
  dataset: 0.1,
  caption_quality: 0.05,
};
export const defaultPassThreshold = 70;

/** Less than half of the weight known is no ground for a grade. */
const leastKnownWeight = 0.5;

export interface Evaluation {
  readonly rule: "evaluation_v2";
  readonly overallScore: number;
  readonly grade: Grade;
  readonly passed: boolean;
  readonly passThreshold: number;
  readonly components: Readonly<Record<ComponentName, number | null>>;
  readonly weights: Weights;
  /** Share of the weight whose score is known, 0 to 1. */
  readonly knownWeight: number;
  /** The job has not ended: the score is of what was seen so far. */
  readonly provisional: boolean;
  readonly diagnostics: readonly string[];
}

/** Why there is no grade. */
export type NotEvaluated = "too_little_known" | "no_weight";

/**
 * `evaluation_v2`: mean of the known components by weight (the seeds took a missing convergence or stability for 50). A
 * failed or broken run does not pass whatever its score.
 */
export function evaluate(
  judgement: Judgement,
  options: { readonly weights: Weights; readonly passThreshold: number },
): Evaluation | { readonly notEvaluated: NotEvaluated } {
  const { weights } = options;
  const components = componentValues(judgement);
  const { value, known } = weightedScore(components, weights);
  if (Object.values(weights).every((weight) => weight === 0)) return { notEvaluated: "no_weight" };
  // A run of twenty steps is neither good nor bad: without the course of the loss nothing else makes a grade.
  const courseCounts = weights.convergence > 0 && components.convergence === null;
  if (value === null || known < leastKnownWeight || courseCounts) {
    return { notEvaluated: "too_little_known" };
  }
  const passThreshold = clamp(options.passThreshold, 0, 100);
  const { state } = judgement.facts.job;
  const broken = judgement.quality.nonFinite === "broken" || state === "failed";
  return {
    rule: "evaluation_v2",
    overallScore: value,
    grade: gradeOf(value),
    passed: value >= passThreshold && !broken,
    passThreshold,
    components,
    weights,
    knownWeight: round(known, 4),
    provisional: !["completed", "stopped", "failed", "interrupted"].includes(state),
    diagnostics: diagnosticsOf(judgement, components),
  };
}

/** Unknown keys and weights below 0 are left out; what is not said keeps its default (peers, evaluate-lora). */
export function weightsFrom(custom: Readonly<Record<string, unknown>> | null): Weights {
  const weights: Record<ComponentName, number> = { ...evaluationWeights };
  for (const name of componentNames) {
    const weight = custom?.[name];
    if (typeof weight === "number" && Number.isFinite(weight) && weight >= 0)
      weights[name] = weight;
  }
  return weights;
}

function gradeOf(score: number): Grade {
  if (score >= 90) return "A";
  if (score >= 80) return "B";
  if (score >= 70) return "C";
  return score >= 60 ? "D" : "F";
}

function diagnosticsOf(
  { quality, course, facts }: Judgement,
  components: Evaluation["components"],
): string[] {
  const said: string[] = [];
  if (quality.nonFinite === "broken") said.push("The loss is not a number: this run cannot pass.");
  if (facts.job.state === "failed") said.push("The job failed: this run cannot pass.");
  if (course.diverged === true)
    said.push("The loss has left its best level; use an earlier checkpoint.");
  if (quality.trend === "regressing") said.push("The loss rises over the run.");
  if ((components.dataset ?? 100) < 70) said.push("The dataset scores below 70: repair it first.");
  if ((components.speed ?? 100) < 50) said.push("The job is slow for its kind of model and run.");
  if ((components.caption_quality ?? 100) < 65)
    said.push("The captions are short or repeat few words.");
  for (const name of componentNames) {
    if (components[name] === null) said.push(`Not known and not counted: ${name}.`);
  }
  return said;
}
