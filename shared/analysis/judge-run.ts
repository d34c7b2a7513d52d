import { judgeQuality } from "./loss/convergence.ts";
import type { Quality } from "./loss/convergence.ts";
import { captionScore, captionStyleFlags, datasetScore } from "./dataset-score.ts";
import type { StyleFlag } from "./dataset-score.ts";
import { healthOf, runFindings } from "./findings.ts";
import type { Health, RunFinding } from "./findings.ts";
import { judgeLossCourse } from "./loss/loss-course.ts";
import type { LossCourse } from "./loss/loss-course.ts";
import { judgeOverfit } from "./loss/overfit.ts";
import type { OverfitSigns } from "./loss/overfit.ts";
import type { RunFacts } from "./run-facts.ts";
import type { Score } from "./score.ts";
import { stabilityScore } from "./stability.ts";
import { judgeThroughput } from "./throughput.ts";
import type { Throughput } from "./throughput.ts";

export const componentNames = [
  "convergence",
  "stability",
  "speed",
  "dataset",
  "caption_quality",
] as const;
export type ComponentName = (typeof componentNames)[number];

/** One run, judged once; evaluation, intelligence, comparison and the next experiment all start from this. */
export interface Judgement {
  readonly facts: RunFacts;
  readonly course: LossCourse;
  readonly quality: Quality;
  readonly throughput: Throughput;
  readonly overfit: OverfitSigns;
  readonly styleFlags: readonly StyleFlag[];
  readonly components: Readonly<Record<ComponentName, Score>>;
  /** Worst first. */
  readonly findings: readonly RunFinding[];
  readonly health: Health;
}

export function judgeRun(facts: RunFacts): Judgement {
  const course = judgeLossCourse(facts.loss);
  const quality = judgeQuality(facts.loss, course);
  const throughput = judgeThroughput(facts.speed, facts.config);
  const overfit = judgeOverfit(facts, course);
  const captions = facts.dataset?.captions ?? null;
  const styleFlags = captionStyleFlags(captions);
  const findings = runFindings({ facts, course, quality, throughput, overfit, styleFlags });
  return {
    facts,
    course,
    quality,
    throughput,
    overfit,
    styleFlags,
    components: {
      convergence: quality.convergence,
      stability: stabilityScore(facts, course),
      speed: throughput.score,
      dataset: datasetScore(facts.dataset),
      caption_quality: captionScore(captions),
    },
    findings,
    health: healthOf(facts, findings),
  };
}

/** The plain numbers of the components, null where unknown. */
export function componentValues({ components }: Judgement): Record<ComponentName, number | null> {
  return {
    convergence: components.convergence.value,
    stability: components.stability.value,
    speed: components.speed.value,
    dataset: components.dataset.value,
    caption_quality: components.caption_quality.value,
  };
}
