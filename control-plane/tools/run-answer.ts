/** The parts of run-training-with-guardrails' answer that do not hang on how long somebody waited. */
import { publicStatus } from "@trainyard/shared/jobs/state.ts";
import type { AlertView } from "@trainyard/shared/tools/job-view.ts";
import type { AnswerOf, ToolOutput } from "@trainyard/shared/tools/registry.ts";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext } from "./context.ts";
import { jobAnswer } from "./job-answer.ts";
import { jobNow } from "./job-now.ts";
import { alertView, itemsOf } from "./job-records.ts";
import { nextCall, sentence } from "./job-sentence.ts";

type Answer = AnswerOf<"run-training-with-guardrails">;
type Output = ToolOutput<"run-training-with-guardrails">;
type RunStatus = Output["status"];

export async function guardrailAlerts(view: JobView, context: EdgeContext): Promise<AlertView[]> {
  if (view.summary.alerts === 0) return [];
  const outcome = await context.job(view.summary.jobId).events(["alert"], 50);
  return itemsOf(unwrap(outcome), "alert")
    .filter(({ guardrail }) => guardrail)
    .map(alertView);
}

/** `living` is said of a job that goes on. */
export function runStatus(
  view: JobView,
  alerts: readonly AlertView[],
  living: RunStatus,
): RunStatus {
  const byGuardrail = view.summary.stop?.by.startsWith("guardrail:") === true;
  switch (jobNow(view).state) {
    case "completed":
      return "job_completed";
    case "stopped":
      return byGuardrail || alerts.length > 0 ? "stopped_by_guardrail" : "job_stopped";
    case "failed":
      return "job_failed";
    case "interrupted":
      return "job_interrupted";
    case "queued":
      return view.queuePosition === null ? living : "queued";
    case "starting":
    case "running":
    case "stopping":
      return living;
  }
}

/** The concise job inside an answer that says some of it at its top already. */
export function jobInside(view: JobView): NonNullable<Output["job"]> {
  const { speed_string: _speed, stop: _stop, ...rest } = jobAnswer(view, "concise");
  return rest;
}

/** Of a job that has ended, for who did not wait with it: the same answer. */
export async function endedRun(view: JobView, context: EdgeContext): Promise<Answer> {
  const alerts = await guardrailAlerts(view, context);
  const next = nextCall(view);
  return {
    data: {
      started: true,
      status: runStatus(view, alerts, "monitor_window_complete"),
      config_name: view.summary.configName ?? view.summary.jobName,
      job_id: view.summary.jobId,
      triggered_guardrails: alerts,
      final_status: publicStatus(jobNow(view).state),
      job: jobInside(view),
      cursor: null,
      next,
    },
    text: `Job ${view.summary.jobId}: ${sentence(view)} Next: ${next}.`,
  };
}
