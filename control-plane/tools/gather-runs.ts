import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal, publicStatus } from "@trainyard/shared/jobs/state.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext } from "./context.ts";

/** All that a report asks of the owner's objects: also a link, which has no caller, can make one. */
export type ReportSource = Pick<EdgeContext, "hub" | "job" | "now">;

export interface GatheredRun {
  readonly view: JobView;
  readonly facts: RunFacts;
}

export interface SkippedJob {
  readonly jobId: string;
  readonly reason: "job_not_found" | "non_terminal_status" | "collection_failed";
  readonly status?: string;
}

/** One job: the Hub first, so that an unknown id makes no object. Throws JOB_NOT_FOUND. */
export async function gatherRun(jobId: string, source: ReportSource): Promise<GatheredRun> {
  const view = unwrap(await source.hub.viewJob(jobId, false));
  const facts = unwrap(await source.job(jobId).facts());
  const peak = view.summary.evidence?.["peak_vram_mib"];
  return {
    view,
    facts:
      typeof peak === "number"
        ? { ...facts, hardware: { ...unknownHardware, gpuMemoryPeakMb: peak } }
        : facts,
  };
}

export const unknownHardware: NonNullable<RunFacts["hardware"]> = {
  gpuName: null,
  gpuMemoryTotalMb: null,
  gpuMemoryUsedMb: null,
  gpuMemoryPeakMb: null,
  gpuUtilizationPct: null,
  gpuTemperatureC: null,
  cpuPercent: null,
  ramUsedGb: null,
  ramTotalGb: null,
  activeJobs: null,
};

/** Several jobs at once, two calls each; what cannot be had is named with its reason instead of failing the rest. */
export async function gatherRuns(
  jobIds: readonly string[],
  options: { readonly onlyTerminal: boolean },
  source: ReportSource,
): Promise<{ readonly runs: readonly GatheredRun[]; readonly skipped: readonly SkippedJob[] }> {
  const results = await Promise.all(
    jobIds.map(async (jobId): Promise<GatheredRun | SkippedJob> => {
      try {
        const run = await gatherRun(jobId, source);
        const { state } = run.view.summary;
        return options.onlyTerminal && !isTerminal(state)
          ? { jobId, reason: "non_terminal_status", status: publicStatus(state) }
          : run;
      } catch (error) {
        const unknown = error instanceof AppError && error.code === "JOB_NOT_FOUND";
        return { jobId, reason: unknown ? "job_not_found" : "collection_failed" };
      }
    }),
  );
  return {
    runs: results.filter((result): result is GatheredRun => "facts" in result),
    skipped: results.filter((result): result is SkippedJob => "reason" in result),
  };
}

const terminalStates: readonly JobState[] = ["completed", "stopped", "failed", "interrupted"];

/** The newest jobs that ever ran, at most `limit`. */
export async function newestJobIds(
  options: {
    readonly onlyTerminal: boolean;
    readonly limit: number;
    readonly without?: string;
  },
  { hub }: ReportSource,
): Promise<string[]> {
  const { jobs } = unwrap(
    await hub.listJobs({
      states: options.onlyTerminal ? terminalStates : null,
      agentId: null,
      // Some never ran: a few more are asked for than are wanted.
      limit: options.limit + 20,
      before: null,
    }),
  );
  return jobs
    .filter(({ summary }) => summary.attempt > 0 && summary.jobId !== options.without)
    .slice(0, options.limit)
    .map(({ summary }) => summary.jobId);
}

export function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}

export function skippedView({ jobId, reason, status }: SkippedJob) {
  return { job_id: jobId, reason, ...(status === undefined ? {} : { status }) };
}
