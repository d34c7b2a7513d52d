import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { isTerminal, publicStatus } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import { rulesFrom, viewOfRules } from "@trainyard/shared/tools/guardrail-options.ts";
import type { AlertView } from "@trainyard/shared/tools/job-view.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import type {
  GuardrailSnapshot,
  runStatuses,
  runTrainingWithGuardrails as contract,
} from "@trainyard/shared/tools/run-training-with-guardrails.ts";
import type * as hub from "../hub/hub.ts";
import { describe } from "../outcome.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { jobAnswer } from "./job-answer.ts";
import { jobNow } from "./job-now.ts";
import { nextCall, sentence } from "./job-sentence.ts";
import { pollJob } from "./poll-job.ts";
import type { Polled, PolledPoint } from "./poll-job.ts";
import { guardrailAlerts, jobInside, runStatus } from "./run-answer.ts";
import { checkOnBox, notAsked } from "./box-check.ts";
import { readSavedConfig } from "./saved-config.ts";
import { startJob } from "./start-job.ts";
import { isQueued, startedMessage } from "./started-job.ts";
import { judge, validationReport } from "./validation.ts";
import { writeCursor } from "./watch-cursor.ts";
import { plural } from "./words.ts";

type Input = ToolInput<"run-training-with-guardrails">;
type Output = OutputOf<typeof contract>;
type RunStatus = (typeof runStatuses)[number];

export const runTrainingWithGuardrails: EdgeHandler<"run-training-with-guardrails"> = async (
  input,
  context,
) => {
  const config = await readSavedConfig(context, input.config_name, input.agent);
  const detail = context.detail(input.detail);
  const check = input.check_dataset
    ? await checkOnBox(
        config.document,
        { agent: input.agent, maxFiles: input.max_dataset_files },
        context,
      )
    : notAsked;
  const validation = judge(config.document, check);
  const report = validationReport(
    validation,
    check,
    {
      source: "saved_config",
      configName: config.name,
      checkDataset: input.check_dataset,
      maxDatasetFiles: input.max_dataset_files,
    },
    detail,
  );
  const rules: GuardrailRules = { ...noGuardrailRules, ...rulesFrom(input, context.given) };
  const guardrails = viewOfRules(rules);
  if (!validation.valid && input.block_on_validation_fail) {
    return {
      data: {
        started: false,
        status: "blocked_by_validation",
        config_name: config.name,
        validation: report,
        ...(detail === "full" ? { guardrails } : {}),
        triggered_guardrails: [],
        next: "create-training-config with overwrite: true",
      },
      text: `Nothing was started: the config has ${plural(validation.errors.length, "error")} (${[...new Set(validation.errors.map(({ code }) => code))].slice(0, 4).join(", ")}). Next: correct them with create-training-config (overwrite: true), then the same call.`,
    };
  }

  const { result, checked } = await startJob(
    {
      tool: "run-training-with-guardrails",
      config,
      agent: input.agent,
      gpu: input.gpu,
      idempotencyKey: input.idempotency_key,
      forceNew: false,
      guardrails: rules,
      maxDatasetFiles: input.max_dataset_files,
      takesEmptyDataset: !input.block_on_validation_fail,
      confirm: input.confirm,
    },
    context,
  );
  const beganMs = context.now();
  const polled = await monitor(result, input, beganMs, context);
  const { view } = polled.points.at(-1) as PolledPoint;
  const now = jobNow(view);
  const alerts = await guardrailAlerts(view, context);
  const status = runStatus(view, alerts, startedOrWatched(input));
  const next = isTerminal(now.state)
    ? nextCall(view)
    : `watch-training-timeseries with job_id ${view.summary.jobId} and this cursor`;
  const snapshots = polled.points.map((point) => snapshotView(point, beganMs, alerts));
  const data: Output = {
    started: !isQueued({ ...view, duplicate: result.duplicate }),
    status,
    config_name: config.name,
    job_id: view.summary.jobId,
    duplicate: result.duplicate,
    ...(detail === "full" || report.warnings.length > 0 || !report.valid
      ? { validation: detail === "full" ? report : briefReport(report) }
      : {}),
    ...(detail === "full" ? { guardrails } : {}),
    ...(detail === "full"
      ? {
          monitor: {
            monitor_seconds: input.monitor_seconds,
            poll_interval_seconds: input.poll_interval_seconds,
            snapshot_count: snapshots.length,
            snapshots: snapshots.slice(-50),
          },
          stop_result: stopResult(view),
        }
      : {}),
    triggered_guardrails: alerts,
    final_status: publicStatus(now.state),
    job: detail === "full" ? jobAnswer(view, detail) : jobInside(view),
    cursor: isTerminal(now.state)
      ? null
      : writeCursor({
          j: view.summary.jobId,
          b: context.now(),
          t: context.now(),
          step: now.currentStep,
          loss: typeof now.loss === "number" ? now.loss : null,
        }),
    next,
  };
  const first = input.monitor_seconds === 0 ? startedMessage(result, checked) : sentence(view);
  const again =
    result.duplicate && input.monitor_seconds > 0
      ? " The same start was made before; this is its job."
      : "";
  const early =
    polled.end === "deadline"
      ? " This call's time is over before the window; the job goes on."
      : "";
  return {
    data,
    text: `Job ${view.summary.jobId}: ${first}${again}${early} Next: ${next}.`,
  };
};

/** Once the job exists its id must reach the caller: whatever fails in the watching ends only the watching. */
async function monitor(
  result: hub.StartResult,
  input: Input,
  beganMs: number,
  context: EdgeContext,
): Promise<Polled> {
  const started: PolledPoint = { view: result, atMs: beganMs };
  if (input.monitor_seconds === 0) return { points: [started], end: "window" };
  try {
    return await pollJob(
      result.summary.jobId,
      {
        firstAtMs: beganMs,
        untilMs: beganMs + input.monitor_seconds * 1_000,
        intervalMs: input.poll_interval_seconds * 1_000,
        stopOnTerminal: true,
      },
      context,
    );
  } catch (error) {
    console.error(JSON.stringify({ jobId: result.summary.jobId, error: describe(error) }));
    return { points: [started], end: "deadline" };
  }
}

function startedOrWatched(input: Input): RunStatus {
  return input.monitor_seconds === 0 ? "started" : "monitor_window_complete";
}

function snapshotView(
  { view, atMs }: PolledPoint,
  beganMs: number,
  alerts: readonly AlertView[],
): GuardrailSnapshot {
  const now = jobNow(view);
  return {
    elapsed_seconds: Math.max(0, Math.round((atMs - beganMs) / 100) / 10),
    status: publicStatus(now.state),
    current_step: now.currentStep,
    progress_pct: now.progress,
    iter_per_sec_latest: now.stepsPerSecond,
    triggers: view.summary.alerts === 0 ? [] : alerts.map(({ code }) => code),
  };
}

/** Only where a guardrail wanted the stop. */
function stopResult(view: hub.JobView): Output["stop_result"] {
  if (view.summary.stop?.by.startsWith("guardrail:") !== true) return null;
  const { state } = jobNow(view);
  return {
    success: isTerminal(state),
    status: publicStatus(state),
    message: isTerminal(state)
      ? "The guardrail's stop is done."
      : "The guardrail's stop is under way.",
  };
}

/** Counts and the first finding; validate-training-config has the rest. */
function briefReport(report: NonNullable<Output["validation"]>): NonNullable<Output["validation"]> {
  const brief = {
    ...report,
    errors: report.errors.slice(0, 1),
    warnings: report.warnings.slice(0, 1),
    suggested_fixes: [],
  };
  return JSON.stringify(brief).length < limits.conciseCharacters / 4
    ? brief
    : { ...brief, errors: [], warnings: [] };
}
