import type { GoalProfile } from "./advice.ts";
import type { BoxExperience, FigureSource, PlanGpu } from "./box-experience.ts";
import type { Change, Verdict } from "./plan-fit.ts";
import type { PlanFamily } from "./plan-families.ts";
import type { TrainingLoad } from "./plan-load.ts";

/** Everything a plan is made of; unknown is null, never a default. */
export interface PlanRequest {
  readonly goal: string;
  readonly modelName: string | null;
  readonly arch: string | null;
  readonly images: number | null;
  /** The box looked, and the dataset that was named is not there. */
  readonly datasetMissing?: boolean;
  readonly captionCoveragePct: number | null;
  readonly duplicates: number | null;
  readonly timeBudgetMinutes: number | null;
  /** What the caller named; wins over the box's card. */
  readonly targetVramGb: number | null;
  readonly gpu: PlanGpu;
  readonly experience: readonly BoxExperience[];
  /** A saved config to judge beside the plan. */
  readonly current: TrainingLoad | null;
}

export interface PlanWarning {
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
}

export type ProfileName = "fast" | "balanced" | "quality";

/** One way to train, in create-training-config's own units. */
export interface PlanProfile {
  readonly profile: ProfileName;
  readonly modelName: string;
  readonly resolution: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly steps: number;
  readonly rank: number;
  readonly alpha: number;
  readonly lowVram: boolean;
  readonly quantize: boolean;
  /** Null while the speed is unknown. */
  readonly estimatedMinutes: number | null;
  readonly memoryMib: number | null;
  readonly fits: Verdict;
  /** The time budget took steps or resolution away. */
  readonly clipped: boolean;
  /** Null without a budget or while the speed is unknown. */
  readonly withinBudget: boolean | null;
}

export interface MemoryAnswer {
  readonly source: FigureSource;
  readonly jobIds: readonly string[];
  readonly basis: string | null;
  readonly neededMib: number | null;
  readonly uncertaintyPct: number | null;
  readonly availableMib: number | null;
  readonly verdict: Verdict;
  readonly provenBy: string | null;
  readonly refutedBy: string | null;
}

export interface SpeedAnswer {
  readonly source: FigureSource;
  readonly jobIds: readonly string[];
  readonly stepsPerSecond: number | null;
  readonly uncertaintyPct: number | null;
  readonly overheadRatio: number;
}

/** What was wanted, whether it fits, and the cheapest change that makes it fit. */
export interface FitAnswer {
  readonly load: TrainingLoad;
  readonly memory: MemoryAnswer;
  /** Null: nothing that the plan may change makes it fit. Empty: it fits as it is. */
  readonly changes: readonly Change[] | null;
  /** Need after the changes. */
  readonly thenMib: number | null;
}

export interface WouldFit {
  readonly modelName: string;
  readonly resolution: number;
  readonly lowVram: boolean;
  readonly quantize: boolean;
  readonly mib: number;
}

export interface Plan {
  readonly version: "plan_v2";
  readonly goalProfile: GoalProfile;
  readonly family: PlanFamily | null;
  readonly isFluxModel: boolean;
  readonly modelSource: "given" | "heuristic_default";
  readonly confidence: number;
  readonly confidenceParts: Readonly<Record<string, number>>;
  readonly recommended: PlanProfile;
  readonly alternatives: readonly PlanProfile[];
  readonly memory: MemoryAnswer;
  readonly speed: SpeedAnswer;
  /** The family's own resolution, before the card had its say. */
  readonly wanted: FitAnswer;
  readonly current: FitAnswer | null;
  /** Other models that this card trains; filled only where the one asked for does not fit. */
  readonly wouldFit: readonly WouldFit[];
  readonly vramGb: number;
  readonly vramSource: "argument" | "box" | "assumed";
  readonly warnings: readonly PlanWarning[];
  readonly rationale: readonly string[];
}
