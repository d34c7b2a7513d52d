import { AppError } from "@trainyard/shared/errors.ts";
import type { Evidence, Failure } from "@trainyard/shared/jobs/failure.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import type { AttemptState, BeforeStart } from "./attempt-state.ts";

/** An attempt that somebody asked for and no box has told of yet. */
export interface WantedAttempt {
  readonly attempt: number;
  readonly by: string;
  readonly atMs: number;
  /** `failed`: the box would not start it. */
  readonly state: Extract<JobState, "queued" | "failed">;
  readonly failure: Failure | null;
  readonly evidence: Evidence | null;
  readonly endedAtMs: number | null;
}

export interface ResumeRequest {
  readonly by: string;
  readonly atMs: number;
  /** New total; null keeps what the job has. */
  readonly steps: number | null;
}

/** The attempt that is waited for, or was refused; null when the newest one is what there is. */
export function wantedAttempt(
  { resume }: BeforeStart,
  newest: AttemptState | null,
): WantedAttempt | null {
  return resume !== undefined && newest !== null && resume.attempt > newest.attempt ? resume : null;
}

/**
 * A job that has ended wants another attempt; one that never reached a process is queued anew. What stopped it is over with the
 * attempt that it stopped. Throws INVALID_ARGUMENT where nothing is left to train.
 */
export function resumed(
  before: BeforeStart,
  newest: AttemptState | null,
  { currentStep, totalSteps, state }: Pick<JobSummary, "currentStep" | "totalSteps" | "state">,
  { by, atMs, steps }: ResumeRequest,
): BeforeStart {
  const done = currentStep ?? 0;
  if (steps !== null && steps <= done) {
    throw new AppError("INVALID_ARGUMENT", `The job has made ${done} steps already.`, {
      hint: `Give steps above ${done}, or leave it out to go on to the planned end.`,
      details: { field: "steps", current_step: done },
    });
  }
  const total = steps ?? totalSteps;
  if (state === "completed" && (total === null || total <= done)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      "The job is completed; nothing of it is left to train.",
      {
        hint: `Give steps above ${done} to train it further.`,
        details: { field: "steps", current_step: done },
      },
    );
  }
  const more = steps === null ? {} : { totalSteps: steps };
  const { resume: _over, ...rest } = before;
  if (newest === null) {
    return {
      ...rest,
      ...more,
      state: "queued",
      stop: null,
      failure: null,
      evidence: null,
      endedAtMs: null,
    };
  }
  return {
    ...rest,
    ...more,
    stop: null,
    resume: {
      attempt: newest.attempt + 1,
      by,
      atMs,
      state: "queued",
      failure: null,
      evidence: null,
      endedAtMs: null,
    },
  };
}

/**
 * What was wanted never reached a process: cancelled in the queue, or refused by the box. A cancelled resume leaves the job as its
 * last attempt ended; a refused one says why.
 */
export function endedBeforeStart(
  before: BeforeStart,
  newest: AttemptState | null,
  end: Omit<BeforeStart, "endedAtMs">,
  nowMs: number,
): BeforeStart {
  if (newest === null) {
    return before.state === "queued" ? { ...before, ...end, endedAtMs: nowMs } : before;
  }
  const wanted = wantedAttempt(before, newest);
  if (wanted?.state !== "queued") return before;
  const { resume: _over, ...rest } = before;
  if (end.state === "stopped") return { ...rest, stop: null };
  const { failure, evidence } = end;
  return { ...rest, resume: { ...wanted, state: "failed", failure, evidence, endedAtMs: nowMs } };
}
