import type { Failure } from "@trainyard/shared/jobs/failure.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import type { WireValue } from "@trainyard/shared/protocol/items.ts";
import type * as hub from "../hub/hub.ts";
import { diagnosisView } from "./job-diagnosis.ts";
import { jobNow, speedString } from "./job-now.ts";
import { duration } from "./words.ts";

/** What happens now, in our words and numbers only. */
export function sentence(view: hub.JobView): string {
  const { summary, queuePosition } = view;
  const now = jobNow(view);
  const steps =
    now.currentStep === null
      ? ""
      : ` step ${now.currentStep}${now.totalSteps === null ? "" : ` of ${now.totalSteps}`}`;
  const last = now.loss === null ? "" : `, loss ${shownLoss(now.loss)}`;
  switch (now.state) {
    case "queued":
      if (queuePosition === null)
        return summary.attempt > 0 && summary.wantedAttempt === undefined
          ? "It waits in the queue of AI Toolkit's Web UI."
          : "The box was asked to start it.";
      return now.connectivity === "offline"
        ? `It waits in the queue at place ${queuePosition}; its box is offline and starts it when it is back.`
        : `It waits in the queue at place ${queuePosition}.`;
    case "starting":
      return `The process is starting${now.phase === null ? "" : ` (${now.phase})`}.`;
    case "running": {
      const speed = speedString(now.stepsPerSecond);
      const rest = now.remainingSeconds === null ? "" : `, ${duration(now.remainingSeconds)} left`;
      const silent =
        now.connectivity !== "live"
          ? ` The box is ${now.connectivity}; the training goes on there.`
          : summary.evidence?.["server_unreachable"] === true
            ? " AI Toolkit's Web UI does not answer its box: this is the last it said."
            : "";
      const doing = (now.phase ?? "training").replace(/^./, (first) => first.toUpperCase());
      return `${doing}:${steps || " no step yet"}${last}${speed === null ? "" : `, ${speed}`}${rest}.${silent}`;
    }
    case "stopping":
      return `It is being stopped${steps === "" ? "" : ` at${steps}`}.`;
    case "completed":
      // The hash proves that the file is whole, and nothing about what stands in it.
      return `Completed:${steps || " all steps"}${last}; the model${diagnosisView(summary) === null ? " is verified" : "'s file is whole, what it learnt is in doubt"}.${doubt(summary)}`;
    case "stopped":
      return summary.stop?.by.startsWith("guardrail:") === true
        ? `Stopped by a guardrail${steps === "" ? "" : ` at${steps}`}${last}.${doubt(summary)}`
        : `Stopped${steps === "" ? " before it began" : ` at${steps}`}${last}.`;
    case "failed":
    case "interrupted":
      return `${now.state === "failed" ? "Failed" : "Interrupted"}${steps === "" ? "" : ` at${steps}`}: ${causeOf(summary.failure)}`;
  }
}

/** The sentences of the signature table, never the log's. */
function doubt(summary: JobSummary): string {
  const diagnosis = diagnosisView(summary);
  return diagnosis === null ? "" : ` ${clipped(diagnosis.cause)} ${clipped(diagnosis.fix)}`;
}

function causeOf(failure: Failure | null): string {
  if (failure === null) return "no cause is known.";
  return `${failure.code}. ${clipped(failure.message)} ${clipped(failure.fix)}`;
}

/** Room for two sentences; the fields of a full answer have the whole. */
export function clipped(text: string): string {
  return text.length <= 140 ? text : `${text.slice(0, 139)}…`;
}

function shownLoss(loss: WireValue): string {
  if (loss === null) return "unknown";
  return typeof loss === "number" ? String(Number(loss.toPrecision(4))) : loss;
}

/** The useful next call for a job in this state. */
export function nextCall(view: hub.JobView): string {
  const { jobId } = view.summary;
  switch (jobNow(view).state) {
    case "queued":
      return `get-training-status with job_id ${jobId}`;
    case "starting":
    case "running":
    case "stopping":
      return `watch-training-timeseries with job_id ${jobId}`;
    case "completed":
      return isSpoilt(view)
        ? `evaluate-lora with job_id ${jobId}`
        : `create-download-link with job_id ${jobId}`;
    case "stopped":
      if (view.summary.attempt === 0) return again(view);
      if (isSpoilt(view)) return `get-training-observability with job_id ${jobId}`;
      return view.summary.lastCheckpoint === null
        ? `get-training-logs with job_id ${jobId}`
        : `create-download-link with job_id ${jobId} and kind checkpoint`;
    case "failed":
      return view.summary.attempt === 0 ? again(view) : `get-training-logs with job_id ${jobId}`;
    case "interrupted":
      return `resume-training with job_id ${jobId}`;
  }
}

/** A checkpoint of a run whose loss was no number may hold nothing but NaN: first look, then fetch. */
function isSpoilt({ summary }: hub.JobView): boolean {
  return diagnosisView(summary)?.category === "nan_loss";
}

/** Where a reader goes from a failure; a start that was refused left no log to read. */
export function toolFor(code: string): string {
  if (code === "TRAINER_NOT_FOUND") return "list-agents";
  return code === "START_REFUSED" ? "run-training-with-guardrails" : "get-training-logs";
}

/** A job that never ran has no log; what there is to do is to start its config again. */
function again({ summary }: hub.JobView): string {
  return `run-training-with-guardrails with config_name ${summary.configName}`;
}
