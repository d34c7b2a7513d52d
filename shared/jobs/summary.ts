import type { Failure, Evidence } from "./failure.ts";
import type { JobState, Phase } from "./state.ts";

/**
 * What the Job object says about itself after every change. The Hub keeps a copy as its index row, and every answer about
 * a job is made from it.
 */
export interface JobSummary {
  readonly jobId: string;
  readonly agentId: string;
  readonly jobName: string;
  readonly configName: string;
  readonly trainer: string;
  readonly slot: string;
  readonly state: JobState;
  readonly phase: Phase | null;
  readonly attempt: number;
  /** The attempt that is wanted and that no box has told of; missing where `attempt` is what there is. */
  readonly wantedAttempt?: number;
  /** Missing: it was started here. */
  readonly origin?: "ui";
  /** Completed count, as the trainer's bar shows. */
  readonly currentStep: number | null;
  readonly totalSteps: number | null;
  readonly stepsPerSecond: number | null;
  readonly remainingSeconds: number | null;
  /** NaN is a value here; null is unknown. */
  readonly loss: number | null;
  readonly firstLoss: number | null;
  readonly lr: number | null;
  readonly nanSteps: number;
  readonly points: number;
  readonly checkpoints: number;
  readonly lastCheckpoint: {
    readonly step: number | null;
    readonly path: string;
    readonly bytes: number;
  } | null;
  readonly samples: number;
  readonly alerts: number;
  readonly gaps: number;
  readonly model: {
    readonly name: string;
    readonly path: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly step: number | null;
  } | null;
  readonly stop: {
    readonly by: string;
    readonly reason: string;
    readonly mode: string;
    readonly atMs: number;
  } | null;
  readonly failure: Failure | null;
  readonly evidence: Evidence | null;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  /** When the edge last heard of this job from the box, edge clock. */
  readonly observedAtMs: number | null;
}
