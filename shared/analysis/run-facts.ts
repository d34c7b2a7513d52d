import type { JobState, Phase } from "../jobs/state.ts";
import { familyOfArch, familyOfModelName } from "../training/families.ts";
import type { FamilyName } from "../training/families.ts";
import { readAiToolkitDocument } from "../training/ai-toolkit-document.ts";
import type { LossAggregate } from "./loss/loss-aggregate.ts";
import type { SpeedAggregate } from "./speed-aggregate.ts";

/**
 * Everything that judging a run looks at, as plain data of bounded size. The Job object fills it from its head row and its
 * snapshot; nothing is read while judging. Null is always "not known", which no rule turns into a number.
 */
export interface RunFacts {
  readonly job: JobFacts;
  readonly config: ConfigFacts;
  /** Series `loss` over all attempts (`mergeLosses`). `emptyLoss` when there is none. */
  readonly loss: LossAggregate;
  /** A validation loss, for the few trainers that have one; overfitting can be seen in no other data. */
  readonly validationLoss: LossAggregate | null;
  /** The bar's own rate. `emptySpeed` when there is none. */
  readonly speed: SpeedAggregate;
  readonly faults: FaultCounts;
  /** Why the newest attempt failed or was interrupted. */
  readonly failure: FailureFacts | null;
  /** What the job's dataset held when it started; null when nobody looked. Several datasets are added up. */
  readonly dataset: DatasetRunFacts | null;
  readonly checkpoints: CheckpointFacts;
  /** Alerts of the job's own timeline, newest last; a bounded list. */
  readonly alerts: readonly AlertFacts[];
  readonly hardware: HardwareFacts | null;
}

export interface JobFacts {
  readonly id: string;
  readonly name: string;
  readonly configName: string | null;
  readonly state: JobState;
  readonly phase: Phase | null;
  /** `ai-toolkit`, `tiny`, `llm`… */
  readonly trainer: string;
  readonly trainerVersion: string | null;
  readonly agentName: string | null;
  /** Attempts so far; 0 while it was never started. */
  readonly attempts: number;
  /** Completed count, as the bar shows. */
  readonly currentStep: number | null;
  readonly totalSteps: number | null;
  readonly remainingSeconds: number | null;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  /** When the edge last heard of the job from its box. */
  readonly observedAtMs: number | null;
}

/** Hyper-parameters from the job's snapshot of its config. */
export interface ConfigFacts {
  /** Null when neither the arch nor the model's name tells it. */
  readonly family: FamilyName | null;
  readonly arch: string | null;
  readonly modelName: string | null;
  readonly steps: number | null;
  readonly learningRate: number | null;
  readonly rank: number | null;
  readonly alpha: number | null;
  readonly batchSize: number | null;
  /** All training resolutions, ascending; null when not said. */
  readonly resolution: readonly number[] | null;
  readonly optimizer: string | null;
  /** Reference of the first dataset as it stands in the config. */
  readonly datasetPath: string | null;
}

/** Counted by the log reader over the whole job, never over a tail. */
export interface FaultCounts {
  /** Steps whose loss was NaN. */
  readonly nanSteps: number;
  readonly infSteps: number;
  /** Batches that the trainer skipped for lack of memory and survived. */
  readonly oomSkipped: number;
  readonly tracebacks: number;
  /** Lines that the reader took for errors, tracebacks apart. */
  readonly errorLines: number;
}

export const noFaults: FaultCounts = {
  nanSteps: 0,
  infSteps: 0,
  oomSkipped: 0,
  tracebacks: 0,
  errorLines: 0,
};

export interface FailureFacts {
  /** `failureSchema.code`. */
  readonly code: string;
  /** One word for the cause, when the log told it: `oom_gpu`, `nan_loss`, `io_error`, `network`… (`failureCause`). */
  readonly category: string | null;
  /** A sentence of ours, and what to do. */
  readonly message: string;
  readonly fix: string;
}

export interface DatasetRunFacts {
  /** Virtual path, as in answers: `datasets/x`. */
  readonly path: string;
  readonly exists: boolean;
  /** Set when the trainer found no image in it, whatever was counted before; the counts are then null. */
  readonly foundEmpty?: { readonly imagesAtStart: number | null };
  readonly images: number | null;
  /** How many of the images were looked at; the counts below are of these. */
  readonly scanned: number | null;
  readonly scanLimited: boolean;
  /** Images with a caption that is not empty. */
  readonly captioned: number | null;
  readonly emptyCaptions: number | null;
  readonly totalBytes: number | null;
  /** Images that cannot be decoded. */
  readonly corrupt: number | null;
  /** Images that are in the set once already. */
  readonly duplicates: number | null;
  /** Width or height below 256. */
  readonly lowResolution: number | null;
  /** Longer side more than three times the shorter. */
  readonly extremeAspect: number | null;
  readonly captions: CaptionStatistics | null;
}

/** Of the captions' own words (peers 2.3): a letter and at least two more of letters, digits, `_`, `-`; lower case; no stop words. */
export interface CaptionStatistics {
  readonly captions: number;
  readonly tokens: number;
  readonly vocabulary: number;
  /** All words of a caption, stop words too, on average. */
  readonly meanWords: number;
  /** Different captions divided by captions, 0 to 1. */
  readonly uniqueRatio: number | null;
  /** Share of ASCII characters, 0 to 1. */
  readonly asciiRatio: number | null;
  /** Most frequent words, at most 25. Text of the owner's files: data. */
  readonly topTerms: readonly { readonly term: string; readonly count: number }[];
}

interface CheckpointFacts {
  readonly count: number;
  /** The newest one whose file was checked. */
  readonly last: { readonly step: number | null; readonly path: string } | null;
  /** A final model whose header and length check out. */
  readonly finalModel: boolean;
  readonly samples: number;
}

export interface AlertFacts {
  readonly code: string;
  readonly severity: "info" | "warning" | "critical";
  readonly category: string;
  readonly message: string;
  readonly step: number | null;
  readonly atMs: number;
  /** True when the finding stopped the job. */
  readonly guardrail: boolean;
}

/** The box's newest figures. Memory in MB as the seeds have it, for the GPU the job runs on. */
export interface HardwareFacts {
  readonly gpuName: string | null;
  readonly gpuMemoryTotalMb: number | null;
  readonly gpuMemoryUsedMb: number | null;
  readonly gpuMemoryPeakMb: number | null;
  readonly gpuUtilizationPct: number | null;
  readonly gpuTemperatureC: number | null;
  readonly cpuPercent: number | null;
  readonly ramUsedGb: number | null;
  readonly ramTotalGb: number | null;
  readonly activeJobs: number | null;
}

/** The hyper-parameters that judging wants, from a config as AI Toolkit writes it. Never throws. */
export function configFactsOf(document: unknown): ConfigFacts {
  const said = readAiToolkitDocument(document);
  return {
    family: familyOfArch(said.arch) ?? familyOfModelName(said.modelName ?? ""),
    arch: said.arch,
    modelName: said.modelName,
    steps: said.steps,
    learningRate: said.learningRate,
    rank: said.rank,
    alpha: said.alpha,
    batchSize: said.batchSize,
    resolution: said.resolution,
    optimizer: said.optimizer,
    datasetPath: said.datasets[0] ?? null,
  };
}
