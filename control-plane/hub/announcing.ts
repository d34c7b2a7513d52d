import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { AppError, errorToWire } from "@trainyard/shared/errors.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Announce, Announced } from "@trainyard/shared/protocol/messages.ts";
import { unwrap } from "../outcome.ts";
import type { JobClient } from "../stubs.ts";
import type { JobIndex } from "./job-index.ts";
import type { Sessions } from "./sessions.ts";

export interface AnnouncingDependencies {
  readonly jobs: JobIndex;
  readonly sessions: Sessions;
  /** Whose Hub this is. */
  readonly owner: string;
  job(jobId: string): JobClient;
}

/** Jobs that a box found by itself: whether it may speak for them, and where the edge stands with each. */
export function createAnnouncing(deps: AnnouncingDependencies) {
  const { jobs, sessions, owner } = deps;

  /** [A3] Throws where another box speaks for the job, or where there are too many. */
  const refuse = (jobId: string, agentId: string): void => {
    const known = jobs.get(jobId)?.summary;
    if (known === undefined) {
      if (jobs.announcedBy(agentId) < limits.announcedJobs) return;
      throw new AppError("QUOTA_EXCEEDED", "This box has announced too many jobs.", {
        hint: "Older ones stay in the Web UI.",
      });
    }
    if (known.agentId === agentId) return;
    const isAway = sessions.currentSocket(known.agentId) === null;
    if (known.origin === "ui" && isAway) return;
    throw new AppError("IDENTITY_IN_USE", "Another box speaks for that job.", {
      hint: "Let one agent only look at this Web UI.",
      details: { job_id: jobId },
    });
  };

  /** What the box says of the job, and what only the edge knows. */
  const snapshotOf = (job: Announce["job"], agentId: string): JobSnapshot => ({
    ...job,
    owner,
    agentId,
    agentName: sessions.known(agentId)?.capabilities.name ?? agentId,
    configName: job.jobName,
    datasets: [],
    guardrails: noGuardrailRules,
    createdBy: "ui",
    origin: "ui",
  });

  return {
    /** [A2] Told again it changes nothing. */
    async announce(agentId: string, job: Announce["job"]): Promise<Announced["outcome"]> {
      try {
        refuse(job.jobId, agentId);
        const made = await deps.job(job.jobId).announce(snapshotOf(job, agentId));
        const { summary, ...known } = unwrap(made);
        jobs.announce(summary);
        return { ok: true, ...known };
      } catch (error) {
        if (!(error instanceof AppError) || error.code === "INTERNAL") throw error;
        return { ok: false, error: { ...errorToWire(error) } };
      }
    },
  };
}

export type Announcing = ReturnType<typeof createAnnouncing>;
