import { canonicalJson } from "@trainyard/shared/canonical-json.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { readLlmWork, stepsOf } from "@trainyard/shared/llm/llm-document.ts";
import type { LlmWork } from "@trainyard/shared/llm/llm-document.ts";
import { llmJobName } from "@trainyard/shared/llm/run-names.ts";
import type { AnswerOf, ToolInput } from "@trainyard/shared/tools/registry.ts";
import type { StartResult } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext } from "./context.ts";
import { jobAnswer } from "./job-answer.ts";
import { nextCall, sentence } from "./job-sentence.ts";
import {
  jobsOfRun,
  readRun,
  refuseUnknownStage,
  refuseWhileTrained,
  startWork,
  waitForEnd,
} from "./llm-run.ts";
import type { BoxRun } from "./llm-run.ts";
import { isQueued, startedMessage } from "./started-job.ts";

type Input = ToolInput<"start-training"> & {
  readonly project_path: string;
  readonly run_id: string;
};

/** A run of a language-model project as a job. */
export async function startLlmRun(
  input: Input,
  context: EdgeContext,
): Promise<AnswerOf<"start-training">> {
  const run = await readRun(input, context);
  if (input.stage !== undefined) refuseUnknownStage(run.config, input.stage);
  const work: LlmWork = {
    kind: "train",
    project: run.project,
    run_id: run.runId,
    stage: input.stage ?? null,
    config: run.config,
    data: run.data,
    test_dataset: null,
    export: null,
  };
  const jobs = await jobsOfRun(run.project, run.runId, context);
  const again = (jobId: string): boolean =>
    jobs.some(
      ({ view }) => view.summary.jobId === jobId && isRecent(view.summary.createdAtMs, context),
    );
  refuseWhileTrained(jobs, ({ view }) => input.force_new !== true && again(view.summary.jobId));
  const { result, checked } = await startWork(
    run,
    {
      tool: "start-training",
      work,
      jobName: llmJobName(work),
      gpu: input.gpu,
      idempotencyKey: input.idempotency_key,
      forceNew: input.force_new ?? false,
      confirm: input.confirm,
    },
    context,
  );
  const ended = input.async_mode !== false ? null : await waitForEnd(result.summary.jobId, context);
  const now: StartResult = ended === null ? result : { ...ended, duplicate: result.duplicate };
  const message = ended === null ? startedMessage(result, checked) : sentence(ended);
  return answer(run, work, now, message, context);
}

async function answer(
  run: BoxRun,
  work: LlmWork,
  result: StartResult,
  message: string,
  context: EdgeContext,
): Promise<AnswerOf<"start-training">> {
  const { summary } = result;
  const detail = context.detail(undefined);
  const queued = isQueued(result);
  const minutes = await estimatedMinutes(run, work, context);
  const handle = { project_path: run.project, run_id: run.runId };
  const next = isTerminal(summary.state)
    ? nextCall(result)
    : `monitor-training-progress with project_path ${run.project} and run_id ${run.runId}`;
  return {
    data: {
      ...jobAnswer(result, detail),
      success: !["failed", "interrupted"].includes(summary.state),
      started: !queued,
      queued,
      position: result.queuePosition,
      estimated_time: minutes === null ? null : minutes * 60,
      ...(detail === "full" ? { message } : {}),
      duplicate: result.duplicate,
      run_id: run.runId,
      training_started: !queued,
      estimated_duration_minutes: minutes,
      log_file: `jobs/${summary.jobId}/${Math.max(1, summary.attempt)}/stdout.log`,
      monitor_command: `trainyard tool monitor-training-progress '${JSON.stringify(handle)}'`,
    },
    text: `Job ${summary.jobId}: ${message} Next: ${next}.`,
  };
}

/** The same call once more means the job that it made: the queue knows it by its key. */
function isRecent(createdAtMs: number, context: EdgeContext): boolean {
  return context.now() - createdAtMs < 60_000;
}

/** From the newest finished run of this box that trained the same model in the same way; null where there is none. */
async function estimatedMinutes(
  run: BoxRun,
  work: LlmWork,
  context: EdgeContext,
): Promise<number | null> {
  const { jobs } = unwrap(
    await context.hub.listJobs({
      states: ["completed"],
      agentId: run.agent.agentId,
      limit: 50,
      before: null,
    }),
  );
  for (const { summary } of jobs.filter((job) => job.summary.trainer === "llm").slice(0, 10)) {
    const { startedAtMs, endedAtMs, totalSteps, jobId } = summary;
    if (startedAtMs === null || endedAtMs === null || totalSteps === null) continue;
    const described = await context.job(jobId).describe();
    const other = described.ok ? readLlmWork(described.value.snapshot.document) : null;
    if (other === null || other.kind !== "train" || loadOf(other) !== loadOf(work)) continue;
    const perStep = (endedAtMs - startedAtMs) / totalSteps;
    return Math.max(1, Math.round((perStep * stepsOf(work)) / 60_000));
  }
  return null;
}

function loadOf({ config: { base_model, training, lora } }: LlmWork): string {
  const { batch_size } = training.stage1;
  return canonicalJson([
    base_model,
    batch_size,
    training.max_length,
    training.gradient_accumulation_steps,
    lora,
  ]);
}
