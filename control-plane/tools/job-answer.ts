import type { Evidence, Failure } from "@trainyard/shared/jobs/failure.ts";
import { publicStatus } from "@trainyard/shared/jobs/state.ts";
import { toWireValue } from "@trainyard/shared/protocol/items.ts";
import type { FailureView, JobRow, JobView } from "@trainyard/shared/tools/job-view.ts";
import type * as hub from "../hub/hub.ts";
import type { Detail } from "./context.ts";
import { diagnosisView, textOf } from "./job-diagnosis.ts";
import { type JobNow, jobNow, speedString } from "./job-now.ts";
import { clipped, sentence, toolFor } from "./job-sentence.ts";
import { iso, isoOrNull } from "./words.ts";

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
      ...(summary.origin === undefined ? {} : { origin: summary.origin }),
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
    origin: summary.origin ?? "trainyard",
    created_at: iso(summary.createdAtMs),
    started_at: isoOrNull(summary.startedAtMs),
    ended_at: isoOrNull(summary.endedAtMs),
  };
}

export function jobAnswer(view: hub.JobView, detail: Detail): JobView {
  const { summary, live } = view;
  const now = jobNow(view);
  const diagnosis = diagnosisView(summary);
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
    ...(diagnosis === null ? {} : { diagnosis }),
    ...(summary.origin === undefined ? {} : { origin: summary.origin }),
  };
  if (detail === "concise") return withoutNulls(short);
  // Both times of one clock, or none: the box's and ours are never subtracted from each other.
  const untilMs = summary.endedAtMs ?? live?.head.observedAtMs ?? null;
  return {
    ...short,
    config: summary.configName,
    origin: summary.origin ?? "trainyard",
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
  const call = textOf(evidence, "call");
  return {
    code: failure.code,
    message: detail === "full" ? failure.message : clipped(failure.message),
    fix: detail === "full" ? failure.fix : clipped(failure.fix),
    tool: toolFor(failure.code),
    ...(call === null ? {} : { call: detail === "full" ? call : clipped(call) }),
    evidence: detail === "full" ? evidence : shortEvidence(evidence),
  };
}

/** The one line that names the cause, or else the last error that was printed. */
function shortEvidence(evidence: Evidence | null): Evidence | null {
  const root = textOf(evidence, "root_cause_line");
  if (root !== null) return { root_cause_line: clipped(root) };
  const line = textOf(evidence, "error_line");
  return line === null ? null : { error_line: clipped(line) };
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
