import { canonicalJson } from "@trainyard/shared/canonical-json.ts";
import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { llmDocument, readLlmWork } from "@trainyard/shared/llm/llm-document.ts";
import type { LlmWork, RunData } from "@trainyard/shared/llm/llm-document.ts";
import { checkedConfig } from "@trainyard/shared/llm/override-config.ts";
import { stagesOf } from "@trainyard/shared/llm/project-config.ts";
import type { ProjectConfig } from "@trainyard/shared/llm/project-config.ts";
import { runReference } from "@trainyard/shared/llm/run-names.ts";
import type { AgentView, JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { chooseAgent } from "./choose-agent.ts";
import type { EdgeContext } from "./context.ts";
import { pollJob } from "./poll-job.ts";
import { startJob } from "./start-job.ts";
import type { Started, StartWish } from "./start-job.ts";

/** A run as its box has it. */
export interface BoxRun {
  readonly agent: AgentView;
  readonly project: string;
  readonly runId: string;
  readonly config: ProjectConfig;
  readonly data: RunData;
  /** Stages that left whole adapters. */
  readonly trained: readonly number[];
}

/** The run's record lies on the box: with the box off nobody can start it. Throws PROJECT_NOT_FOUND, RUN_NOT_FOUND. */
export async function readRun(
  wish: {
    readonly project_path: string;
    readonly run_id: string;
    readonly agent?: string | undefined;
  },
  context: EdgeContext,
): Promise<BoxRun> {
  const agent = await chooseAgent(context, wish.agent);
  const run = await context.callAgent(agent.agentId, "read-run", {
    project: wish.project_path,
    runId: wish.run_id,
  });
  return { ...run, agent, config: checkedConfig(run.config, "CONFIG_INVALID") };
}

/** The wanted stage, or the last that is trained. Throws MODEL_NOT_FOUND, INVALID_ARGUMENT. */
export function trainedStage({ trained, config, runId }: BoxRun, wanted: 1 | 2 | undefined): 1 | 2 {
  const stage = wanted ?? (trained.includes(2) ? 2 : 1);
  refuseUnknownStage(config, stage);
  if (trained.includes(stage)) return stage;
  throw new AppError("MODEL_NOT_FOUND", `Stage ${stage} of this run has no whole adapters yet.`, {
    hint: "Train it with start-training, project_path and run_id.",
    details: { run_id: runId, stage, trained: [...trained] },
  });
}

export function refuseUnknownStage(config: ProjectConfig, stage: 1 | 2): void {
  if (stagesOf(config, stage).length > 0) return;
  throw new AppError("INVALID_ARGUMENT", `This run has no stage ${stage}.`, {
    hint: "Leave stage out, or make a run with override_params num_stages 2.",
    details: { field: "stage" },
  });
}

interface WorkWish {
  readonly tool: StartWish["tool"];
  readonly work: LlmWork;
  readonly jobName: string;
  readonly gpu: number | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly forceNew?: boolean;
  readonly confirm?: string | undefined;
}

export function startWork(
  run: BoxRun,
  { work, jobName, forceNew = false, ...wish }: WorkWish,
  context: EdgeContext,
): Promise<Started> {
  return startJob(
    {
      ...wish,
      confirm: wish.confirm,
      idempotencyKey: wish.idempotencyKey,
      config: {
        name: runReference(run.project, run.runId),
        document: llmDocument(jobName, work),
        facts: {},
        updatedAtMs: context.now(),
      },
      agent: run.agent.agentId,
      forceNew,
      guardrails: noGuardrailRules,
      maxDatasetFiles: 2_000,
      takesEmptyDataset: true,
    },
    context,
  );
}

export interface RunJob {
  readonly view: JobView;
  readonly work: LlmWork;
}

/** More jobs of one run than anybody looks back through. */
const jobsLooked = 20;

/**
 * Jobs of a run, the newest first. The path may be any that names the project: its last part and the run's id tell it, so it is known
 * with the box off too.
 */
export async function jobsOfRun(
  project: string,
  runId: string,
  context: EdgeContext,
): Promise<readonly RunJob[]> {
  const last = project.split("/").findLast((part) => part !== "") ?? project;
  const { jobs } = unwrap(
    await context.hub.listJobs({
      states: null,
      agentId: null,
      limit: jobsLooked,
      before: null,
      configEnd: `${last}/runs/${runId}`,
    }),
  );
  const described = await Promise.all(
    jobs.map(async (view) => ({
      view,
      work: readLlmWork(unwrap(await context.job(view.summary.jobId).describe()).snapshot.document),
    })),
  );
  return described.flatMap(({ view, work }) => (work === null ? [] : [{ view, work }]));
}

/** One training of a run at a time: they would write one record. Throws IN_USE. */
export function refuseWhileTrained(
  jobs: readonly RunJob[],
  duplicate: (job: RunJob) => boolean,
): void {
  const live = jobs.find(
    (job) => job.work.kind === "train" && !isTerminal(job.view.summary.state) && !duplicate(job),
  );
  if (live === undefined) return;
  throw new AppError("IN_USE", "This run is being trained.", {
    hint: "Follow it with monitor-training-progress, or stop it with stop-training.",
    details: { job_id: live.view.summary.jobId },
  });
}

/**
 * A job that does this very work and lives, or was done a short while ago: who was told to call again means that one. A failed one is
 * tried anew.
 */
export function sameWork(jobs: readonly RunJob[], work: LlmWork, nowMs: number): RunJob | null {
  const wanted = canonicalJson(work);
  return (
    jobs.find(({ view: { summary }, work: other }) => {
      if (canonicalJson(other) !== wanted) return false;
      if (!isTerminal(summary.state)) return true;
      // By the clock of this side: the box has its own.
      const since = nowMs - (summary.observedAtMs ?? 0);
      return summary.state === "completed" && since < limits.llmResultAgainMs;
    }) ?? null
  );
}

/** Waits for the job's end as long as this call may; the job as it is then. */
export async function waitForEnd(jobId: string, context: EdgeContext): Promise<JobView> {
  const { points } = await pollJob(
    jobId,
    {
      firstAtMs: context.now(),
      untilMs: Number.POSITIVE_INFINITY,
      intervalMs: 5_000,
      stopOnTerminal: true,
    },
    context,
  );
  return points.at(-1)?.view ?? unwrap(await context.hub.viewJob(jobId, true));
}

/** In the words of the tools for language models. */
export function runStatusOf({ summary }: JobView) {
  switch (summary.state) {
    case "queued":
      return "not_started" as const;
    case "starting":
    case "running":
    case "stopping":
      return "running" as const;
    case "completed":
    case "stopped":
    case "failed":
    case "interrupted":
      return summary.state;
  }
}
