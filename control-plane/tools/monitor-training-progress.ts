import { stagesOf } from "@trainyard/shared/llm/project-config.ts";
import type { ProjectConfig } from "@trainyard/shared/llm/project-config.ts";
import { stepsOf } from "@trainyard/shared/llm/llm-document.ts";
import type { LlmWork } from "@trainyard/shared/llm/llm-document.ts";
import { fromWireValue } from "@trainyard/shared/protocol/items.ts";
import type { WireValue } from "@trainyard/shared/protocol/items.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeHandler } from "./context.ts";
import { jobNow } from "./job-now.ts";
import { nextCall, sentence } from "./job-sentence.ts";
import { jobsOfRun, readRun, runStatusOf } from "./llm-run.ts";
import type { EdgeContext } from "./context.ts";
import { iso, isoOrNull } from "./words.ts";

export const monitorTrainingProgress: EdgeHandler<"monitor-training-progress"> = async (
  input,
  context,
) => {
  const jobs = await jobsOfRun(input.project_path, input.run_id, context);
  const newest = jobs.find(({ work }) => work.kind === "train");
  if (newest === undefined) return notStarted(input, context);
  const { jobId } = newest.view.summary;
  const view = unwrap(await context.hub.viewJob(jobId, true));
  const now = jobNow(view);
  const { work } = newest;
  const total = now.totalSteps ?? stepsOf(work);
  const [speed, evalLoss, emissions] = await Promise.all(
    ["tokens_per_second", "eval_loss", "emissions_kg"].map((key) =>
      latest(jobId, key, now.currentStep ?? 0, context),
    ),
  );
  const kilograms = fromWireValue(emissions ?? null);
  const status = runStatusOf(view);
  const { failure } = view.summary;
  return {
    data: {
      run_id: input.run_id,
      status,
      current_stage: status === "not_started" ? null : stageAt(work, now.currentStep ?? 0),
      current_iteration: now.currentStep ?? 0,
      total_iterations: total,
      progress_percentage: now.progress,
      metrics: {
        train_loss: now.loss,
        learning_rate: now.lr,
        tokens_per_second: fromWireValue(speed ?? null),
        eval_loss: evalLoss ?? null,
      },
      carbon_emissions_kg: kilograms,
      carbon_note: kilograms === null ? carbonNote(work.config) : null,
      estimated_completion_time:
        now.remainingSeconds === null
          ? null
          : iso(context.now() + Math.round(now.remainingSeconds) * 1_000),
      job_id: jobId,
      state: now.state,
      phase: now.phase,
      queue_position: view.queuePosition,
      failure:
        failure === null
          ? null
          : { code: failure.code, message: failure.message, fix: failure.fix },
      observed_at: isoOrNull(now.observedAtMs),
      connectivity: now.connectivity,
    },
    text: `Run ${input.run_id}: ${sentence(view)} Next: ${next(status, input, jobId) ?? nextCall(view)}.`,
  };
};

/** Its box says whether there is such a run at all. */
async function notStarted(
  input: Parameters<typeof monitorTrainingProgress>[0],
  context: EdgeContext,
): ReturnType<typeof monitorTrainingProgress> {
  const run = await readRun(input, context);
  return {
    data: {
      run_id: run.runId,
      status: "not_started",
      current_stage: null,
      current_iteration: 0,
      total_iterations: stepsOf({ config: run.config, stage: null }),
      progress_percentage: 0,
      metrics: { train_loss: null, learning_rate: null, tokens_per_second: null, eval_loss: null },
      carbon_emissions_kg: null,
      carbon_note: carbonNote(run.config),
      estimated_completion_time: null,
      job_id: null,
      observed_at: iso(context.now()),
      connectivity: "live",
    },
    text: `Run ${run.runId} was not started yet. Next: start-training with project_path ${run.project} and run_id ${run.runId}.`,
  };
}

function next(
  status: ReturnType<typeof runStatusOf>,
  { project_path, run_id }: { readonly project_path: string; readonly run_id: string },
  jobId: string,
): string | null {
  if (status === "completed")
    return `evaluate-model with project_path ${project_path} and run_id ${run_id}`;
  if (status === "stopped") return `resume-training with job_id ${jobId}`;
  return status === "running" || status === "not_started" ? "the same call, later" : null;
}

/** The stage whose step is made now; behind the last one, the last. */
function stageAt({ config, stage }: LlmWork, completed: number): 1 | 2 {
  const stages = stagesOf(config, stage);
  let before = 0;
  for (const one of stages) {
    before += one.iterations;
    if (completed < before) return one.stage;
  }
  return stages.at(-1)?.stage ?? 1;
}

/** Points that are looked back over: an evaluation comes every few dozen steps. */
const window = 2_000;

/** The last point of a series; it lags behind what is live by half a minute at most. */
async function latest(
  jobId: string,
  key: string,
  step: number,
  context: EdgeContext,
): Promise<WireValue> {
  const page = unwrap(
    await context
      .job(jobId)
      .series({ key, from: Math.max(0, step - window), limit: window + 500, attempt: null }),
  );
  return page.values.at(-1) ?? null;
}

function carbonNote({ carbon_tracking }: ProjectConfig): string {
  if (!carbon_tracking.enabled) return "Carbon tracking is off in this run.";
  return carbon_tracking.country_iso_code === null
    ? "The run names no country (override_params country_iso_code): without its grid nobody can tell."
    : "The box has measured nothing so far; the beginning of its log says why, where it cannot.";
}
