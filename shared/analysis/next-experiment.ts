import type { JsonValue } from "../tools/vocabulary.ts";
import { failureCause } from "./failure-cause.ts";
import type { Judgement } from "./judge-run.ts";
import { componentValues } from "./judge-run.ts";
import { highestResolution } from "./run-class.ts";
import { significant } from "./score.ts";

export interface NextExperiment {
  readonly rule: "next_experiment_v2";
  readonly type:
    | "dataset"
    | "memory"
    | "stability"
    | "convergence"
    | "capacity"
    | "throughput"
    | "captioning"
    | "exploration";
  readonly parameter: string;
  /** What the run had; null when the config does not say. */
  readonly current: JsonValue;
  /** Never the same as `current`. */
  readonly proposed: JsonValue;
  readonly impact: "high" | "moderate" | "low";
  readonly risk: "low" | "medium" | "high";
  readonly rationale: string;
  /** The figures that chose the rule. */
  readonly evidence: Readonly<Record<string, JsonValue>>;
  readonly validationPlan: readonly string[];
}

type Proposal = Omit<NextExperiment, "rule" | "validationPlan">;

/**
 * `next_experiment_v2`: the first rule that applies and has something to change (peers 2.8). A value that the config does
 * not say is not guessed, an unknown score triggers nothing, a proposal differs from what was, and a resolution only goes
 * down, to a multiple of 64. Null while there is too little to go by.
 */
export function nextExperiment(judgement: Judgement): NextExperiment | null {
  const { loss, speed, job } = judgement.facts;
  const proposal =
    numerical(judgement) ??
    memory(judgement) ??
    dataset(judgement) ??
    stability(judgement) ??
    convergence(judgement) ??
    throughput(judgement) ??
    captions(judgement);
  if (proposal !== null) return complete(proposal);
  const seen = loss.usable > 0 || speed.count > 0 || job.state === "completed";
  return seen && job.state !== "failed" ? complete(exploration()) : null;
}

function complete(proposal: Proposal): NextExperiment {
  return {
    rule: "next_experiment_v2",
    ...proposal,
    validationPlan: [
      "Change only this and keep the seed, the dataset and the sample prompts.",
      "Judge it after as many steps as this run had, with compare-training-runs.",
      "Look at samples of the same prompts side by side before keeping the change.",
    ],
  };
}

function learningRate(
  judgement: Judgement,
  factor: number,
  rest: Omit<Proposal, "parameter" | "current" | "proposed">,
): Proposal | null {
  const current = judgement.facts.config.learningRate;
  if (current === null) return null;
  const proposed = significant(Math.max(1e-6, current * factor));
  return proposed === current ? null : { ...rest, parameter: "learning_rate", current, proposed };
}

function numerical(judgement: Judgement): Proposal | null {
  const { loss, failure } = judgement.facts;
  if (judgement.quality.nonFinite !== "broken" && failureCause(failure) !== "numerical")
    return null;
  return learningRate(judgement, 0.7, {
    type: "stability",
    impact: "high",
    risk: "low",
    rationale: "The loss was not a number; a lower learning rate is the first thing to try.",
    evidence: { nan_count: loss.nanCount, inf_count: loss.infCount },
  });
}

function memory(judgement: Judgement): Proposal | null {
  const { faults, failure, config } = judgement.facts;
  if (failureCause(failure) !== "gpu_memory" && faults.oomSkipped < 3) return null;
  const rest = {
    type: "memory",
    impact: "high",
    risk: "low",
    rationale: "The GPU ran out of memory.",
    evidence: { oom_skipped: faults.oomSkipped, failure_code: failure?.code ?? null },
  } as const;
  const batch = config.batchSize;
  if (batch !== null && batch > 1) {
    const proposed = Math.max(1, Math.floor(batch / 2));
    return { ...rest, parameter: "batch_size", current: batch, proposed };
  }
  return lowerResolution(judgement, rest);
}

/** To the next multiple of 64 at or below 85 %, not under 512: it never raises one. */
function lowerResolution(
  { facts }: Judgement,
  rest: Omit<Proposal, "parameter" | "current" | "proposed">,
): Proposal | null {
  const current = highestResolution(facts.config);
  const proposed = Math.max(512, Math.floor((current * 0.85) / 64) * 64);
  return proposed < current ? { ...rest, parameter: "resolution", current, proposed } : null;
}

function dataset(judgement: Judgement): Proposal | null {
  const score = componentValues(judgement).dataset;
  if (score === null || score >= 70) return null;
  return {
    type: "dataset",
    parameter: "dataset_curation",
    current: { dataset_score: score },
    proposed: {
      caption_coverage_pct_target: 95,
      deduplicate: true,
      remove_corrupt_images: true,
    },
    impact: "high",
    risk: "low",
    rationale: "The dataset holds the run back more than any hyper-parameter.",
    evidence: judgement.components.dataset.evidence,
  };
}

function stability(judgement: Judgement): Proposal | null {
  const score = componentValues(judgement).stability;
  const shaky = judgement.course.diverged === true || judgement.course.spikeClusters > 0;
  if (!(shaky || (score !== null && score < 60 && judgement.facts.job.state !== "failed"))) {
    return null;
  }
  return learningRate(judgement, judgement.course.diverged === true ? 0.5 : 0.8, {
    type: "stability",
    impact: judgement.course.diverged === true ? "high" : "moderate",
    risk: "low",
    rationale: "The loss does not keep its level; a lower learning rate steadies it.",
    evidence: judgement.components.stability.evidence,
  });
}

function convergence(judgement: Judgement): Proposal | null {
  const { course, facts, components } = judgement;
  const score = components.convergence.value;
  const { evidence } = components.convergence;
  if (score === null) return null;
  if (course.trend.verdict === "rising") {
    return learningRate(judgement, 0.7, {
      type: "convergence",
      impact: "moderate",
      risk: "low",
      rationale: "The loss rises over the run.",
      evidence,
    });
  }
  const { steps, rank, learningRate: rate } = facts.config;
  if (course.recent.verdict === "falling" && steps !== null) {
    return {
      type: "convergence",
      parameter: "steps",
      current: steps,
      proposed: Math.max(steps + 1, Math.round(steps * 1.35)),
      impact: "moderate",
      risk: "low",
      rationale: "The loss still falls at the end of the run.",
      evidence,
    };
  }
  if (score >= 65) return null;
  if (rate !== null && rate > 3e-4) {
    return learningRate(judgement, 0.75, {
      type: "convergence",
      impact: "moderate",
      risk: "low",
      rationale: "The loss stays where it began, and the learning rate is high.",
      evidence,
    });
  }
  if (steps !== null && steps < 1_000) {
    return {
      type: "convergence",
      parameter: "steps",
      current: steps,
      proposed: Math.max(steps + 1, Math.round(steps * 1.35)),
      impact: "moderate",
      risk: "low",
      rationale: "The loss stays where it began, and the run is short.",
      evidence,
    };
  }
  if (rank === null || rank >= 128) return null;
  return {
    type: "capacity",
    parameter: "rank",
    current: rank,
    proposed: Math.min(128, rank + 8),
    impact: "moderate",
    risk: "medium",
    rationale: "The loss stays where it began, over many steps at a moderate learning rate.",
    evidence,
  };
}

function throughput(judgement: Judgement): Proposal | null {
  const score = componentValues(judgement).speed;
  if (score === null || score >= 50) return null;
  return lowerResolution(judgement, {
    type: "throughput",
    impact: "moderate",
    risk: "medium",
    rationale: "The job is slow for its kind of model and run.",
    evidence: judgement.components.speed.evidence,
  });
}

function captions(judgement: Judgement): Proposal | null {
  const score = componentValues(judgement).caption_quality;
  if (score === null || score >= 65) return null;
  return {
    type: "captioning",
    parameter: "caption_quality",
    current: { caption_score: score },
    proposed: { add_detail: true, increase_caption_diversity: true },
    impact: "moderate",
    risk: "low",
    rationale: "The captions are short or repeat few words.",
    evidence: judgement.components.caption_quality.evidence,
  };
}

function exploration(): Proposal {
  return {
    type: "exploration",
    parameter: "seeded_eval_prompts",
    current: null,
    proposed: { expand_prompt_suite: true, add_out_of_distribution_prompts: true },
    impact: "moderate",
    risk: "low",
    rationale:
      "Nothing that can be measured holds this run back; what is left is to be seen in samples.",
    evidence: {},
  };
}
