/** The trainers whose output is told apart; their names are the fixtures' and the command line's. */
export const logTools = [
  "ai-toolkit",
  "sd-scripts",
  "musubi-tuner",
  "hf-trainer",
  "unsloth",
  "mlx-lm",
  "pytorch",
] as const;
export type LogTool = (typeof logTools)[number];

/** The one cause of a bad end, or of a run that goes on and is spoilt. `none` for a healthy one. */
export const failureCategories = [
  "oom_gpu",
  "oom_host",
  "nan_loss",
  "auth_gated",
  "model_not_found",
  "dataset_missing",
  "dataset_empty",
  "dataset_corrupt",
  "config_invalid",
  "unsupported_model",
  "dependency_missing",
  "dependency_mismatch",
  "cuda_driver",
  "disk_full",
  "network",
  "permission",
  "io_error",
  "distributed",
  "killed",
  "stalled",
  "dtype_shape",
  "crash_native",
  "unknown_exception",
  "none",
] as const;
export type FailureCategory = (typeof failureCategories)[number];

/**
 * `failed`: a fault or a signal ended the run. `degraded`: alive or finished, but something spoils or endangers the
 * result. `healthy`: running or finished, nothing wrong.
 */
export type LogOutcome = "healthy" | "failed" | "degraded";

/** What is known of the process besides its log; every part may be unknown. */
export interface ExitFacts {
  readonly exitCode?: number | null | undefined;
  /** As the system names it: `SIGKILL`. */
  readonly signal?: string | null | undefined;
  /** Whether the kernel's or the cgroup's out-of-memory killer ended it. */
  readonly killedForMemory?: boolean | null | undefined;
  /** Whether somebody asked for the end; a signal is then no fault. */
  readonly stopWanted?: boolean | undefined;
}

export interface LogReport {
  /** The trainer that was named, or else recognised. */
  readonly tool: LogTool | null;
  readonly outcome: LogOutcome;
  readonly category: FailureCategory;
  /** As it stands in the log, without escape sequences; text of the trainer, so data. */
  readonly rootCauseLine: string | null;
  /** One sentence of ours. Null when healthy. */
  readonly cause: string | null;
  /** One thing a person or an agent can do. Null when healthy. */
  readonly fix: string | null;
  /** The tool call or command that does it, where there is one. */
  readonly call: string | null;
  /** Row of the signature table that named the cause; null when only the shape of the failure is known. */
  readonly signature: string | null;
  /** Completed steps, as the job's own bar or metric lines count them. */
  readonly lastStep: number | null;
  readonly totalSteps: number | null;
  /** The last loss that was printed; null when it was not a number. */
  readonly lastLoss: number | null;
  readonly lastLr: number | null;
  /** Steps a second as last printed, six decimals; at a bar's close that is the average of the whole run. */
  readonly lastSpeed: number | null;
  /** Steps a second while it last ran: never the closing bar's average. */
  readonly runningSpeed: number | null;
  /** Losses or gradient norms printed as NaN, or said to be. */
  readonly nanCount: number;
  /** Batches skipped for want of GPU memory. */
  readonly oomSkipped: number;
  /** Runs between separators, bars included. */
  readonly fragments: number;
  readonly bytes: number;
}
