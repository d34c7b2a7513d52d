/** What a plan says beside its numbers: how sure it is, what to mind, and why. Our words and numbers only. */
import { advice, goalAdvice } from "./advice.ts";
import type { Change } from "./plan-fit.ts";
import type { Plan, PlanRequest, PlanWarning } from "./plan-request.ts";
import { fewImagesForRank } from "./plan-recipe.ts";

type Unfinished = Omit<Plan, "warnings" | "rationale" | "confidence" | "confidenceParts">;

/** 0.1 to 0.95: what is known, added up; each part is in the answer. */
export function confidenceOf(
  plan: Unfinished,
  request: PlanRequest,
): Pick<Plan, "confidence" | "confidenceParts"> {
  const parts = {
    base: 0.35,
    model: plan.modelSource === "given" && plan.family !== null ? 0.1 : 0,
    dataset: request.images === null ? 0 : 0.15,
    vram: plan.vramSource === "assumed" ? 0 : 0.1,
    memory:
      plan.memory.source === "own_jobs" ? 0.15 : plan.memory.source === "static_table" ? 0.05 : 0,
    speed: plan.speed.source === "own_jobs" ? 0.1 : plan.speed.source === "static_table" ? 0.03 : 0,
    captions: request.captionCoveragePct !== null && request.captionCoveragePct < 80 ? -0.05 : 0,
    fit:
      plan.memory.verdict === "does_not_fit" ? -0.2 : plan.memory.verdict === "tight" ? -0.05 : 0,
  };
  const sum = Object.values(parts).reduce((total, part) => total + part, 0);
  return {
    confidence: Number(Math.min(0.95, Math.max(0.1, sum)).toFixed(2)),
    confidenceParts: Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== 0)),
  };
}

export function warningsOf(plan: Unfinished, request: PlanRequest): PlanWarning[] {
  const { images, captionCoveragePct, duplicates, timeBudgetMinutes } = request;
  const { recommended, memory, speed } = plan;
  const warnings: PlanWarning[] = [];
  const warn = (code: string, message: string, fix?: string): void => {
    warnings.push({ code, message, ...(fix === undefined ? {} : { fix }) });
  };
  if (request.datasetMissing === true) {
    warn(
      "DATASET_NOT_FOUND",
      "There is no such dataset on the box, so steps and rank are the middle ones; list-datasets says which there are.",
      "Choose one from list-datasets, or bring pictures with create-upload-link.",
    );
  } else if (images === null) {
    warn(
      "DATASET_UNKNOWN",
      "The dataset was not counted, so steps and rank are the middle ones.",
      "Give dataset_path with the box connected.",
    );
  } else if (images === 0) {
    warn("DATASET_EMPTY", "The dataset has no pictures.", "Add some with create-upload-link.");
  } else if (images < 20 && plan.family?.name !== "tiny") {
    warn(
      "FEW_IMAGES",
      `The dataset has only ${images} pictures; the model may remember them instead of learning from them.`,
      "Add different views, or stop early by the samples.",
    );
  }
  if (captionCoveragePct !== null && captionCoveragePct < 80 && images !== 0) {
    warn(
      "LOW_CAPTION_COVERAGE",
      `Only ${Math.round(captionCoveragePct)} % of the pictures have a caption.`,
      "Caption the others.",
    );
  }
  if (duplicates !== null && duplicates > 0) {
    warn(
      "DUPLICATES",
      `${duplicates} pictures are there more than once and weigh double.`,
      "Remove the copies.",
    );
  }
  if (plan.family === null) {
    warn(
      "FAMILY_UNKNOWN",
      "The model's name does not tell its family, so memory and speed are unknown.",
      "Give base_model as a Hugging Face id.",
    );
  }
  if (memory.verdict === "does_not_fit") {
    warn(
      "DOES_NOT_FIT",
      "Even the smallest settings of this family do not fit the card.",
      "Choose a smaller model, or a box with a larger card.",
    );
  } else if (memory.verdict === "tight") {
    warn(
      "TIGHT_FIT",
      "It should fit, but not by more than the estimate's error.",
      "Close other programs on the card; " + firstSmaller(plan),
    );
  }
  if (plan.vramSource === "assumed" && plan.family?.name !== "tiny") {
    warn(
      "VRAM_ASSUMED",
      `No card is known; the plan is for ${plan.vramGb} GB.`,
      "Give target_vram_gb, or connect the box.",
    );
  }
  if (timeBudgetMinutes !== null) warnOfBudget(plan, timeBudgetMinutes, warn);
  if (speed.source === "unknown" && plan.family !== null) {
    warn(
      "SPEED_UNKNOWN",
      "No run of this family was measured on this card and the table does not have it.",
      advice.canary,
    );
  }
  if (recommended.clipped && recommended.withinBudget === true) {
    warn(
      "CLIPPED",
      "The time budget cut the training short of what the dataset would want.",
      "Give more time for the usual number of steps.",
    );
  }
  return warnings;
}

function warnOfBudget(
  { recommended }: Unfinished,
  budget: number,
  warn: (code: string, message: string, fix?: string) => void,
): void {
  if (recommended.withinBudget === null) {
    warn(
      "TIME_BUDGET_UNCHECKED",
      "The time budget cannot be checked: the speed is unknown.",
      advice.canary,
    );
  } else if (!recommended.withinBudget) {
    warn(
      "TIME_BUDGET_NOT_KEPT",
      `The least useful training takes about ${recommended.estimatedMinutes ?? "?"} minutes, more than the ${budget} given.`,
      "Give more time, or choose a smaller model.",
    );
  }
}

function firstSmaller({ wanted }: Unfinished): string {
  return wanted.changes === null || wanted.changes.length === 0
    ? "lower the resolution if it fails."
    : "the changes are already in the plan.";
}

export function rationaleOf(plan: Unfinished, request: PlanRequest): string[] {
  const { recommended, memory, speed } = plan;
  const { images } = request;
  return [
    goalAdvice[plan.goalProfile],
    images === null || images === 0
      ? `${recommended.steps} steps and rank ${recommended.rank} are usual for a dataset of unknown size.`
      : `${images} pictures: about ${recommended.steps} steps, rank ${recommended.rank}${images < fewImagesForRank ? " (halved: few pictures)" : ""}. ${advice.steps}`,
    memorySentence(plan),
    memory.source === "own_jobs" || speed.source === "own_jobs"
      ? "Own runs on this box outweigh the table."
      : advice.canary,
  ];
}

const gb = (mib: number): string => (mib / 1_024).toFixed(1);

/** How much, against what, by whose word, and what was changed for it. */
export function memorySentence({ memory, wanted, family }: Unfinished): string {
  if (family?.name === "tiny") return "It trains on the CPU and needs no GPU memory.";
  if (memory.neededMib === null) return "Its memory need is unknown.";
  const whose =
    memory.source === "own_jobs"
      ? memory.provenBy === null
        ? "by own runs"
        : "a run of this size completed here"
      : memory.basis === "published"
        ? "by published figures"
        : "an estimate";
  const of = memory.availableMib === null ? "" : ` of ${gb(memory.availableMib)} GB usable`;
  const spread = memory.uncertaintyPct === null ? "" : ` ± ${memory.uncertaintyPct} %`;
  const changed =
    wanted.changes === null || wanted.changes.length === 0
      ? ""
      : ` To make it fit: ${wanted.changes.map(changeText).join(", ")}.`;
  return `It needs about ${gb(memory.neededMib)} GB${spread}${of} (${whose}).${changed}`;
}

function changeText({ parameter, from, to }: Change): string {
  return typeof to === "boolean" ? `${parameter} ${String(to)}` : `${parameter} ${from} → ${to}`;
}
