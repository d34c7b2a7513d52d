import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import type { Connectivity } from "@trainyard/shared/protocol/edge-session.ts";
import type { IndexedJob, JobIndex } from "./job-index.ts";
import type { KnownAgent, Sessions } from "./sessions.ts";
import type { LiveHead, Watching } from "./watching.ts";

export interface AgentView extends KnownAgent {
  readonly connectivity: Connectivity;
  readonly seenAtMs: number;
  readonly activeJobIds: readonly string[];
  readonly queueLength: number;
}

export interface JobView {
  readonly summary: JobSummary;
  readonly connectivity: Connectivity;
  /** When the box was last heard of, edge clock. */
  readonly agentSeenAtMs: number | null;
  /** Newest value of the live lane; fresher than the summary while somebody watches. */
  readonly live: LiveHead | null;
  readonly queuePosition: number | null;
}

export interface JobListing {
  readonly jobs: readonly JobView[];
  readonly total: number;
  readonly next: number | null;
}

export interface StartResult extends JobView {
  readonly duplicate: boolean;
}

/** How jobs and boxes look from outside the Hub. */
export function createViews(deps: {
  readonly sessions: Sessions;
  readonly jobs: JobIndex;
  readonly watching: Watching;
}) {
  const { sessions, jobs, watching } = deps;
  const waits = (job: IndexedJob): boolean => job.summary.state === "queued" && !job.dispatched;
  return {
    job({ summary }: IndexedJob, nowMs: number): JobView {
      const { jobId, agentId } = summary;
      return {
        summary,
        connectivity: sessions.connectivity(agentId, nowMs),
        agentSeenAtMs: sessions.lastSeenAtMs(agentId),
        live: watching.live(jobId),
        queuePosition: jobs.queuePosition(jobId),
      };
    },
    agents: (nowMs: number): AgentView[] =>
      sessions.agents().map((agent) => {
        const active = jobs.active(agent.agentId);
        return {
          ...agent,
          connectivity: sessions.connectivity(agent.agentId, nowMs),
          seenAtMs: sessions.lastSeenAtMs(agent.agentId) ?? agent.lastSeenAtMs,
          activeJobIds: active.filter((job) => !waits(job)).map((job) => job.summary.jobId),
          queueLength: active.filter(waits).length,
        };
      }),
  };
}

export type Views = ReturnType<typeof createViews>;
