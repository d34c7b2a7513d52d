import { isTerminal } from "../jobs/state.ts";
import type { JobSummary } from "../jobs/summary.ts";
import type { Evidence } from "../jobs/failure.ts";
import { toWireValue } from "../protocol/items.ts";
import type { Item } from "../protocol/items.ts";
import type { Alert, Severity } from "./alert.ts";

/** Where a finding stands in its attempt's stream; each place is told about once. */
export interface PlacedAlert {
  readonly seq: number;
  readonly alert: Alert;
  /** The stream has it as an alert. A job's end is a state there, and an alert only by our word. */
  readonly inStream: boolean;
}

/**
 * What one frame of a job's stream tells: its alert items, and its end. The figures of the end are those of the summary
 * after the frame, so a verdict is never told before the facts it stands on.
 */
export function alertsOfFrame(
  from: number,
  items: readonly Item[],
  summary: JobSummary,
  verdict: Evidence,
): readonly PlacedAlert[] {
  return items.flatMap((item, index): PlacedAlert[] => {
    const seq = from + index;
    if (item.kind === "alert") {
      return [{ seq, alert: alertOfItem(item, summary), inStream: true }];
    }
    return item.kind === "state" && isTerminal(item.state)
      ? [{ seq, alert: jobEndAlert(summary, item.atMs, verdict), inStream: false }]
      : [];
  });
}

/** What the box told in a job's stream, as an alert about that job. */
export function alertOfItem(
  item: Extract<Item, { kind: "alert" }>,
  { jobId, agentId }: Pick<JobSummary, "jobId" | "agentId">,
): Alert {
  const { code, severity, category, message, atMs, step, evidence, guardrail, wouldStop } = item;
  return {
    code,
    severity,
    category,
    message,
    atMs,
    jobId,
    agentId,
    step,
    evidence,
    ...(guardrail ? { guardrail } : {}),
    ...(wouldStop === true ? { wouldStop } : {}),
  };
}

const codes = {
  completed: "JOB_COMPLETED",
  stopped: "JOB_STOPPED",
  interrupted: "JOB_INTERRUPTED",
} as const;

const failedCode = "JOB_FAILED";
export const jobEndCodes: readonly string[] = [...Object.values(codes), failedCode];

/** The end of a job with its figures and `verdict`, what judging it says; `atMs` is when it ended. */
export function jobEndAlert(summary: JobSummary, atMs: number, verdict: Evidence = {}): Alert {
  const { state } = summary;
  const guarded = summary.stop?.by.startsWith("guardrail:") === true;
  return {
    code:
      state === "completed" || state === "stopped" || state === "interrupted"
        ? codes[state]
        : failedCode,
    severity: severityOf(summary, guarded),
    category: "job",
    message: sentenceOf(summary, guarded),
    atMs,
    jobId: summary.jobId,
    agentId: summary.agentId,
    step: summary.currentStep,
    evidence: { ...figuresOf(summary), ...verdict },
  };
}

function severityOf({ state, evidence }: JobSummary, guarded: boolean): Severity {
  if (state === "completed") return isDoubtful(evidence) ? "warning" : "info";
  if (state === "stopped") return guarded ? "warning" : "info";
  return "critical";
}

function sentenceOf(summary: JobSummary, guarded: boolean): string {
  const { state, currentStep, totalSteps, failure } = summary;
  const steps =
    currentStep === null
      ? ""
      : ` at step ${currentStep}${totalSteps === null ? "" : ` of ${totalSteps}`}`;
  switch (state) {
    case "completed":
      return isDoubtful(summary.evidence)
        ? `The job completed${steps}; its model's file is whole, what it learnt is in doubt. ${ownWords(summary.evidence)}`.slice(
            0,
            500,
          )
        : `The job completed${steps}; its model is verified.`;
    case "stopped":
      return guarded ? `A guardrail stopped the job${steps}.` : `The job was stopped${steps}.`;
    default: {
      const word = state === "interrupted" ? "was interrupted" : "failed";
      const cause = failure === null ? "" : ` ${failure.message} ${failure.fix}`;
      return `The job ${word}${steps}.${cause}`.slice(0, 500);
    }
  }
}

/** The log's reader found that the run is spoilt, with NaN for instance, though it came to its end. */
function isDoubtful(evidence: Evidence | null): boolean {
  return typeof evidence?.["diagnosis"] === "string";
}

/** Cause and fix of the signature table; the log's own line stays in the evidence. */
function ownWords(evidence: Evidence | null): string {
  return [evidence?.["cause"], evidence?.["fix"]]
    .filter((one) => typeof one === "string")
    .join(" ");
}

/** Flat, as evidence is; what is unknown is left out. */
function figuresOf(summary: JobSummary): Evidence {
  const { startedAtMs, endedAtMs, model, failure, stop } = summary;
  const figures = {
    state: summary.state,
    job_name: summary.jobName,
    config_name: summary.configName,
    attempt: summary.attempt === 0 ? null : summary.attempt,
    current_step: summary.currentStep,
    total_steps: summary.totalSteps,
    first_loss: summary.firstLoss === null ? null : toWireValue(summary.firstLoss),
    loss: summary.loss === null ? null : toWireValue(summary.loss),
    nan_steps: summary.nanSteps === 0 ? null : summary.nanSteps,
    steps_per_second: summary.stepsPerSecond,
    duration_seconds:
      startedAtMs === null || endedAtMs === null
        ? null
        : Math.max(0, Math.round((endedAtMs - startedAtMs) / 1_000)),
    alerts: summary.alerts,
    model_path: model?.path ?? null,
    model_bytes: model?.bytes ?? null,
    model_sha256: model?.sha256 ?? null,
    stopped_by: stop?.by ?? null,
    failure_code: failure?.code ?? null,
  };
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== null));
}
