import type { LossCourse } from "./loss-course.ts";
import { judgeLossTrend } from "./loss-trend.ts";
import type { RunFacts } from "../run-facts.ts";
import { round } from "../score.ts";

/**
 * `overfit_signs_v1`. A training loss alone cannot show overfitting: it falls all the same. With a validation loss the
 * rule is falling here, rising there. Without one the answer is `unknown`, and the passes over each image are told, as a
 * risk and no proof.
 */
export interface OverfitSigns {
  readonly rule: "overfit_signs_v1";
  readonly verdict: "overfitting" | "not_seen" | "unknown";
  readonly reason: "no_validation_loss" | "validation_trend_unknown" | null;
  /** How often each image was trained on: completed steps × batch size / images. */
  readonly passesPerImage: number | null;
  /** More passes than LoRA guides give for any subject. */
  readonly manyPasses: boolean | null;
}

/** Guides speak of 80 to 150 passes per image; at four hundred a small set is learned by heart. */
const manyPassesFrom = 400;

export function judgeOverfit(facts: RunFacts, course: LossCourse): OverfitSigns {
  const passesPerImage = passesOf(facts);
  const shared = {
    rule: "overfit_signs_v1" as const,
    passesPerImage,
    manyPasses: passesPerImage === null ? null : passesPerImage >= manyPassesFrom,
  };
  if (facts.validationLoss === null) {
    return { ...shared, verdict: "unknown", reason: "no_validation_loss" };
  }
  const validation = judgeLossTrend(facts.validationLoss);
  if (validation.verdict === "unknown" || course.trend.verdict === "unknown") {
    return { ...shared, verdict: "unknown", reason: "validation_trend_unknown" };
  }
  const apart = validation.verdict === "rising" && course.trend.verdict !== "rising";
  return { ...shared, verdict: apart ? "overfitting" : "not_seen", reason: null };
}

function passesOf({ job, config, dataset }: RunFacts): number | null {
  const images = dataset?.images ?? 0;
  if (job.currentStep === null || config.batchSize === null || images <= 0) return null;
  return round((job.currentStep * config.batchSize) / images, 1);
}
