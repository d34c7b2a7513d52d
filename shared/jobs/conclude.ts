import { type Diagnosis, diagnosisEvidence } from "../logs/failure/diagnosis.ts";
import type { Evidence, Failure, FailureCode } from "./failure.ts";
import { againOrOnward, fitted } from "./next-step.ts";
import type { JobKind } from "./next-step.ts";
import type { JobState } from "./state.ts";

/** How the process ended, as the shim or the operating system proves it. */
export type ProcessEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signaled"; readonly signal: string }
  /** Gone, on the same boot, and nobody wrote down how. */
  | { readonly kind: "vanished" }
  | { readonly kind: "rebooted" }
  /** `outputFolder`: because that folder cannot be written. */
  | { readonly kind: "spawn-failed"; readonly reason: string; readonly outputFolder?: boolean }
  /** Another program runs it and says that it is over; nobody saw the process end. */
  | { readonly kind: "reported"; readonly status: "completed" | "stopped" | "error" | "queued" }
  /** That program has no such job any more, and no process of it is known. */
  | { readonly kind: "deleted" }
  /** It waited there and was taken out again before it became a process. */
  | { readonly kind: "not-started" };

export interface StopWanted {
  /** `user`, `guardrail:<CODE>` or `policy:<name>`. */
  readonly by: string;
  readonly reason: string;
}

export interface FinalArtifact {
  readonly path: string;
  readonly bytes: number;
  /** Header length sane, offsets contiguous, last tensor ends at the file's end. */
  readonly valid: boolean;
  readonly step: number | null;
}

export interface AttemptFacts extends JobKind {
  readonly end: ProcessEnd;
  readonly stopWanted: StopWanted | null;
  /** The trainer itself said that it was stopped ("Job stopped"). */
  readonly stopMarkerSeen: boolean;
  /** We had to use SIGKILL. */
  readonly forced: boolean;
  readonly finalArtifact: FinalArtifact | null;
  /** Completed steps, as the bar counts. */
  readonly completedSteps: number | null;
  readonly totalSteps: number | null;
  readonly nanSteps: number;
  /** Batches that were skipped for want of GPU memory; the trainer goes on without them. */
  readonly oomSkipped: number;
  /** Text of the trainer: goes into evidence, never into our sentence. */
  readonly errorLine: string | null;
  /** What the log says; null when it says nothing bad, or could not be read. */
  readonly diagnosis: Diagnosis | null;
}

export interface Conclusion {
  readonly state: Extract<JobState, "completed" | "stopped" | "failed" | "interrupted">;
  readonly failure: Failure | null;
  readonly evidence: Evidence;
}

/**
 * The evidence rule (design 5): an exit code proves nothing. AI Toolkit exits 0 when interrupted and 1 when it sees its
 * own stop flag, so `completed` needs a verified artifact, the last step, and nobody who wanted a stop.
 */
export function concludeAttempt(given: AttemptFacts): Conclusion {
  const { diagnosis } = given;
  const facts = { ...given, diagnosis: diagnosis === null ? null : fitted(diagnosis, given) };
  const conclusion = concludeProcess(facts, evidenceOf(facts));
  const { failure } = conclusion;
  return failure === null ? conclusion : { ...conclusion, failure: explained(failure, facts) };
}

/** The log's cause in place of "it ended with an error"; what the process proves beyond that keeps its own name. */
function explained(failure: Failure, { diagnosis }: AttemptFacts): Failure {
  if (diagnosis?.outcome !== "failed" || diagnosis.signature === null) return failure;
  const code = codeOf.get(diagnosis.category);
  if (code === undefined || !refinable.has(failure.code)) return failure;
  return { code, message: diagnosis.cause, fix: diagnosis.fix };
}

/** `KILLED` stays what it is unless the log or the kernel says why. */
const refinable: ReadonlySet<FailureCode> = new Set(["TRAINER_ERROR", "NO_ARTIFACT", "KILLED"]);

const codeOf: ReadonlyMap<Diagnosis["category"], FailureCode> = new Map([
  ["oom_gpu", "OOM_GPU"],
  ["oom_host", "OOM_HOST"],
  ["nan_loss", "NAN_LOSS"],
  ["auth_gated", "AUTH_GATED"],
  ["model_not_found", "MODEL_NOT_FOUND"],
  ["dataset_missing", "DATASET_MISSING"],
  ["dataset_empty", "DATASET_EMPTY"],
  ["dataset_corrupt", "DATASET_CORRUPT"],
  ["config_invalid", "CONFIG_INVALID"],
  ["unsupported_model", "UNSUPPORTED_MODEL"],
  ["dependency_missing", "DEPENDENCY_MISSING"],
  ["dependency_mismatch", "DEPENDENCY_MISMATCH"],
  ["cuda_driver", "CUDA_DRIVER"],
  ["disk_full", "DISK_FULL"],
  ["network", "NETWORK"],
  ["permission", "PERMISSION"],
  ["io_error", "IO_ERROR"],
  ["distributed", "DISTRIBUTED"],
  ["stalled", "STALLED"],
  ["dtype_shape", "DTYPE_SHAPE"],
  ["crash_native", "CRASH_NATIVE"],
]);

function concludeProcess(facts: AttemptFacts, evidence: Evidence): Conclusion {
  const { end } = facts;
  if (end.kind === "spawn-failed" && end.outputFolder === true) {
    return failed(evidence, {
      code: "PERMISSION",
      message: "The job's output folder cannot be written, so the trainer was not started.",
      fix: "Give the user that runs the agent the right to write there, and check that its disk is not mounted read-only.",
    });
  }
  if (end.kind === "spawn-failed") {
    return failed(evidence, {
      code: "SPAWN_FAILED",
      message: "The trainer's process could not be started.",
      fix: "Check the trainer's installation on the box and start the job again.",
    });
  }
  if (end.kind === "rebooted") {
    return {
      state: "interrupted",
      failure: {
        code: "REBOOTED",
        message: "The box was restarted while the job ran.",
        fix: "Resume the job; it goes on from its last valid checkpoint.",
      },
      evidence,
    };
  }
  if (facts.stopWanted !== null || facts.stopMarkerSeen || isTakenBack(end)) {
    return { state: "stopped", failure: null, evidence };
  }
  // An exit code proves nothing, so neither does a missing one: whoever left all the proof has completed.
  if (end.kind === "vanished" && isWhole(facts)) {
    return { state: "completed", failure: null, evidence };
  }
  if (end.kind === "vanished") {
    return failed(evidence, {
      code: "VANISHED",
      message: "The training process disappeared and nothing recorded how it ended.",
      fix: `Look in the kernel's log for an out-of-memory kill, ${againOrOnward(facts)}`,
    });
  }
  if (end.kind === "signaled") {
    return failed(evidence, {
      code: "KILLED",
      message: `The training process was killed by ${end.signal}, and not by Trainyard.`,
      fix:
        end.signal === "SIGKILL"
          ? `See to the box's memory (the kernel's out-of-memory killer is the usual cause), ${againOrOnward(facts)}`
          : `Find out what sent the signal, ${againOrOnward(facts)}`,
    });
  }
  if (end.kind === "reported" && end.status === "error") {
    return failed(evidence, {
      code: "TRAINER_ERROR",
      message: "The program that ran the training says that it failed.",
      fix: "Read evidence.error_line, and get-training-logs for what came before it.",
    });
  }
  if (end.kind === "exited" && end.code !== 0) {
    return failed(evidence, {
      code: "TRAINER_ERROR",
      message: `The trainer ended with exit code ${end.code}.`,
      fix: "Read evidence.error_line, and get-training-logs for what came before it.",
    });
  }
  return concludeCleanExit(facts, evidence);
}

function concludeCleanExit(facts: AttemptFacts, evidence: Evidence): Conclusion {
  if (facts.finalArtifact === null) {
    return failed(evidence, {
      code: "NO_ARTIFACT",
      message: "The trainer exited without an error but left no final model.",
      fix: "Read get-training-logs; a job that was interrupted from outside ends like this.",
    });
  }
  if (!facts.finalArtifact.valid) {
    return failed(evidence, {
      code: "ARTIFACT_INVALID",
      message: "The final model file is incomplete or damaged.",
      fix: "Check the box's free disk space and start the job again; earlier checkpoints may be valid.",
    });
  }
  if (!lastStepReached(facts)) {
    return failed(evidence, {
      code: "INCOMPLETE",
      message: "The trainer exited without an error before its last step.",
      fix: "Read get-training-logs for the reason; the last checkpoint is kept.",
    });
  }
  return { state: "completed", failure: null, evidence };
}

/** Somebody took the job out of the other program's hands: that is a stop, whoever wanted it. */
function isTakenBack(end: ProcessEnd): boolean {
  if (end.kind === "deleted" || end.kind === "not-started") return true;
  return end.kind === "reported" && (end.status === "stopped" || end.status === "queued");
}

function lastStepReached({ totalSteps, completedSteps }: AttemptFacts): boolean {
  return totalSteps !== null && completedSteps !== null && completedSteps >= totalSteps;
}

function isWhole(facts: AttemptFacts): boolean {
  return facts.finalArtifact !== null && facts.finalArtifact.valid && lastStepReached(facts);
}

function failed(evidence: Evidence, failure: Failure): Conclusion {
  return { state: "failed", failure, evidence };
}

function evidenceOf(facts: AttemptFacts): Evidence {
  const { end, finalArtifact } = facts;
  return {
    end: end.kind,
    ...(end.kind === "exited" ? { exit_code: end.code } : {}),
    ...(end.kind === "signaled" ? { signal: end.signal } : {}),
    ...(end.kind === "reported" ? { reported_status: end.status } : {}),
    ...(end.kind === "spawn-failed" ? { reason: end.reason.slice(0, 1_000) } : {}),
    stop_wanted: facts.stopWanted?.by ?? null,
    stop_marker: facts.stopMarkerSeen,
    forced: facts.forced,
    completed_steps: facts.completedSteps,
    total_steps: facts.totalSteps,
    final_artifact: finalArtifact?.path ?? null,
    final_artifact_valid: finalArtifact?.valid ?? null,
    final_artifact_bytes: finalArtifact?.bytes ?? null,
    nan_steps: facts.nanSteps,
    ...(facts.oomSkipped === 0 ? {} : { oom_skipped_batches: facts.oomSkipped }),
    error_line: facts.errorLine === null ? null : facts.errorLine.slice(0, 1_000),
    ...(facts.diagnosis === null ? {} : diagnosisEvidence(facts.diagnosis)),
  };
}
