import type { Failure } from "@trainyard/shared/jobs/failure.ts";
import { isTerminal, mayFollow, publicStatus } from "@trainyard/shared/jobs/state.ts";
import type { JobState, Phase } from "@trainyard/shared/jobs/state.ts";
import { toWireValue } from "@trainyard/shared/protocol/items.ts";
import type { WireValue } from "@trainyard/shared/protocol/items.ts";
import type { Connectivity } from "@trainyard/shared/protocol/edge-session.ts";
import type { FailureView, JobRow, JobView } from "@trainyard/shared/tools/job-view.ts";
import type * as hub from "../hub/hub.ts";
import type { Detail } from "./context.ts";
import { duration, iso, isoOrNull } from "./words.ts";

/** The newest truth about a job: the committed summary, or the live lane where that is fresher. */
export interface JobNow {
  readonly state: JobState;
  readonly phase: Phase | null;
  readonly currentStep: number | null;
  readonly totalSteps: number | null;
  readonly stepsPerSecond: number | null;
  readonly remainingSeconds: number | null;
  readonly loss: WireValue;
  readonly lr: number | null;
  /** Edge clock. */
  readonly observedAtMs: number | null;
  /** 0 to 100, one decimal. */
  readonly progress: number;
  readonly connectivity: Connectivity;
}

export function jobNow(view: hub.JobView): JobNow {
  const { summary, live, connectivity } = view;
  const committed = {
    state: summary.state,
    phase: summary.phase,
    currentStep: summary.currentStep,
    totalSteps: summary.totalSteps,
    stepsPerSecond: summary.stepsPerSecond,
    remainingSeconds: summary.remainingSeconds,
    loss: summary.loss === null ? null : toWireValue(summary.loss),
    lr: summary.lr,
    observedAtMs: summary.observedAtMs,
  };
  const fresher =
    live !== null && !isTerminal(summary.state) && live.receivedAtMs >= (summary.observedAtMs ?? 0);
  const newest = fresher
    ? {
        state: mayFollow(summary.state, live.head.state) ? live.head.state : summary.state,
        phase: live.head.phase,
        currentStep: live.head.currentStep ?? committed.currentStep,
        totalSteps: live.head.totalSteps ?? committed.totalSteps,
        stepsPerSecond: live.head.stepsPerSecond,
        remainingSeconds: live.head.remainingSeconds,
        loss: live.head.loss ?? committed.loss,
        lr: live.head.lr ?? committed.lr,
        observedAtMs: live.receivedAtMs,
      }
    : committed;
  return { ...newest, connectivity, progress: progressOf(newest) };
}

function progressOf(now: Pick<JobNow, "state" | "currentStep" | "totalSteps">): number {
  if (now.state === "completed") return 100;
  if (now.currentStep === null || now.totalSteps === null || now.totalSteps <= 0) return 0;
  return Math.min(100, Math.round((now.currentStep / now.totalSteps) * 1_000) / 10);
}

export function speedString(stepsPerSecond: number | null): string | null {
  if (stepsPerSecond === null || !(stepsPerSecond > 0)) return null;
  return stepsPerSecond >= 1
    ? `${stepsPerSecond.toFixed(2)} iter/sec`
    : `${(1 / stepsPerSecond).toFixed(2)} sec/iter`;
}

export function jobRow(view: hub.JobView, detail: Detail): JobRow {
  const { summary } = view;
  const now = jobNow(view);
  const whole = identity(view, now);
  if (detail === "concise") {
    const { job_id, job_name, status, progress, current_step, total_steps } = whole;
    return withoutNulls({
      job_id,
      job_name,
      status,
      progress,
      current_step,
      total_steps,
      loss: now.loss,
      queue_position: view.queuePosition,
      // Only where it says something: most boxes are live.
      ...(whole.connectivity === "live" ? {} : { connectivity: whole.connectivity }),
      ...(summary.failure === null ? {} : { failure_code: summary.failure.code }),
    });
  }
  return {
    ...whole,
    loss: now.loss,
    queue_position: view.queuePosition,
    config: summary.configName,
    steps_per_second: now.stepsPerSecond,
    speed_string: speedString(now.stepsPerSecond),
    estimated_time_remaining: now.remainingSeconds,
    alert_count: summary.alerts,
    failure_code: summary.failure?.code ?? null,
    created_at: iso(summary.createdAtMs),
    started_at: isoOrNull(summary.startedAtMs),
    ended_at: isoOrNull(summary.endedAtMs),
  };
}

export function jobAnswer(view: hub.JobView, detail: Detail): JobView {
  const { summary, live } = view;
  const now = jobNow(view);
  const short: JobView = {
    ...identity(view, now),
    loss: now.loss,
    steps_per_second: round(now.stepsPerSecond),
    speed_string: speedString(now.stepsPerSecond),
    estimated_time_remaining: round(now.remainingSeconds),
    queue_position: view.queuePosition,
    ...(summary.failure === null ? {} : { failure: failureView(summary.failure, view, detail) }),
    ...(summary.model === null ? {} : { model: modelView(summary.model) }),
    ...(summary.alerts === 0 ? {} : { alert_count: summary.alerts }),
    ...(summary.stop === null ? {} : { stop: stopView(summary.stop) }),
  };
  if (detail === "concise") return withoutNulls(short);
  // Both times of one clock, or none: the box's and ours are never subtracted from each other.
  const untilMs = summary.endedAtMs ?? live?.head.observedAtMs ?? null;
  return {
    ...short,
    config: summary.configName,
    origin: "trainyard",
    attempt: summary.attempt === 0 ? null : summary.attempt,
    first_loss: summary.firstLoss === null ? null : toWireValue(summary.firstLoss),
    learning_rate: now.lr,
    iter_per_sec: round(now.stepsPerSecond),
    info: sentence(view),
    eta_at:
      now.remainingSeconds === null || now.observedAtMs === null
        ? null
        : iso(now.observedAtMs + now.remainingSeconds * 1_000),
    duration_seconds:
      untilMs === null || summary.startedAtMs === null
        ? null
        : Math.max(0, Math.round((untilMs - summary.startedAtMs) / 1_000)),
    created_at: iso(summary.createdAtMs),
    started_at: isoOrNull(summary.startedAtMs),
    ended_at: isoOrNull(summary.endedAtMs),
    stop: summary.stop === null ? null : stopView(summary.stop),
    failure: summary.failure === null ? null : failureView(summary.failure, view, detail),
    evidence: summary.evidence,
    checkpoint_count: summary.checkpoints,
    last_checkpoint:
      summary.lastCheckpoint === null
        ? null
        : {
            step: summary.lastCheckpoint.step,
            path: summary.lastCheckpoint.path,
            size: summary.lastCheckpoint.bytes,
            valid: true,
          },
    sample_count: summary.samples,
    model: summary.model === null ? null : modelView(summary.model),
    alert_count: summary.alerts,
    gap_count: summary.gaps,
  };
}

function identity({ summary }: hub.JobView, now: JobNow) {
  return {
    job_id: summary.jobId,
    job_name: summary.jobName,
    config_name: summary.configName,
    trainer: summary.trainer,
    agent_id: summary.agentId,
    status: publicStatus(now.state),
    state: now.state,
    phase: now.phase,
    observed_at: isoOrNull(now.observedAtMs),
    connectivity: now.connectivity,
    progress: now.progress,
    current_step: now.currentStep,
    total_steps: now.totalSteps,
  } satisfies Partial<JobView>;
}

/** The rows of `always` keep their nulls; of the rest a missing field says the same in less. */
const always: ReadonlySet<string> = new Set([
  "config_name",
  "agent_id",
  "phase",
  "observed_at",
  "current_step",
  "total_steps",
]);

function withoutNulls<View extends object>(view: View): View {
  return Object.fromEntries(
    Object.entries(view).filter(([key, value]) => value !== null || always.has(key)),
  ) as View;
}

function failureView(failure: Failure, view: hub.JobView, detail: Detail): FailureView {
  const evidence = view.summary.evidence;
  const line = evidence?.["error_line"];
  return {
    code: failure.code,
    message: detail === "full" ? failure.message : clipped(failure.message),
    fix: detail === "full" ? failure.fix : clipped(failure.fix),
    tool: toolFor(failure.code),
    evidence:
      detail === "full"
        ? evidence
        : typeof line === "string"
          ? { error_line: clipped(line) }
          : null,
  };
}

function modelView(model: NonNullable<hub.JobView["summary"]["model"]>) {
  return {
    name: model.name,
    path: model.path,
    size: model.bytes,
    sha256: model.sha256,
    // Only a file whose header, length and hash were checked on the box becomes an artifact.
    verified: true,
  };
}

function stopView(stop: NonNullable<hub.JobView["summary"]["stop"]>) {
  return { requested_at: iso(stop.atMs), by: stop.by, mode: stop.mode, reason: stop.reason };
}

function round(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1_000) / 1_000;
}

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
      if (queuePosition === null) return "The box was asked to start it.";
      return now.connectivity === "offline"
        ? `It waits in the queue at place ${queuePosition}; its box is offline and starts it when it is back.`
        : `It waits in the queue at place ${queuePosition}.`;
    case "starting":
      return `The process is starting${now.phase === null ? "" : ` (${now.phase})`}.`;
    case "running": {
      const speed = speedString(now.stepsPerSecond);
      const rest = now.remainingSeconds === null ? "" : `, ${duration(now.remainingSeconds)} left`;
      const silent =
        now.connectivity === "live"
          ? ""
          : ` The box is ${now.connectivity}; the training goes on there.`;
      const doing = (now.phase ?? "training").replace(/^./, (first) => first.toUpperCase());
      return `${doing}:${steps || " no step yet"}${last}${speed === null ? "" : `, ${speed}`}${rest}.${silent}`;
    }
    case "stopping":
      return `It is being stopped${steps === "" ? "" : ` at${steps}`}.`;
    case "completed":
      return `Completed:${steps || " all steps"}${last}; the model is verified.`;
    case "stopped":
      return summary.stop?.by.startsWith("guardrail:") === true
        ? `Stopped by a guardrail${steps === "" ? "" : ` at${steps}`}${last}.`
        : `Stopped${steps === "" ? " before it began" : ` at${steps}`}${last}.`;
    case "failed":
    case "interrupted":
      return `${now.state === "failed" ? "Failed" : "Interrupted"}${steps === "" ? "" : ` at${steps}`}: ${causeOf(summary.failure)}`;
  }
}

function causeOf(failure: Failure | null): string {
  if (failure === null) return "no cause is known.";
  return `${failure.code}. ${clipped(failure.message)} ${clipped(failure.fix)}`;
}

/** Room for two sentences; the fields of a full answer have the whole. */
function clipped(text: string): string {
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
      return `create-download-link with job_id ${jobId}`;
    case "stopped":
      if (view.summary.attempt === 0) return again(view);
      return view.summary.lastCheckpoint === null
        ? `get-training-logs with job_id ${jobId}`
        : `create-download-link with job_id ${jobId} and kind checkpoint`;
    case "failed":
    case "interrupted":
      return view.summary.attempt === 0 ? again(view) : `get-training-logs with job_id ${jobId}`;
  }
}

/** Where a reader goes from a failure; a start that was refused left no log to read. */
function toolFor(code: string): string {
  if (code === "TRAINER_NOT_FOUND") return "list-agents";
  return code === "START_REFUSED" ? "run-training-with-guardrails" : "get-training-logs";
}

/** A job that never ran has no log; what there is to do is to start its config again. */
function again({ summary }: hub.JobView): string {
  return `run-training-with-guardrails with config_name ${summary.configName}`;
}
