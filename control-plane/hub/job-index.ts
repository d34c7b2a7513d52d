import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseNonFinite, stringifyNonFinite } from "@trainyard/shared/non-finite-json.ts";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";

export interface IndexedJob {
  readonly summary: JobSummary;
  /** Order of creation. */
  readonly place: number;
  /** The queue is served by it: the place, or a later one for a job that was queued again. */
  readonly turn: number;
  /** The box was asked to start it; it holds its slot from then on. */
  readonly dispatched: boolean;
  /** The box found it: it holds its slot only while it runs, since it waits in a queue that is not ours. */
  readonly announced: boolean;
}

export interface JobFilter {
  readonly states: readonly JobState[] | null;
  readonly agentId: string | null;
  readonly limit: number;
  /** Jobs created before this place. */
  readonly before: number | null;
  /** What the name of its config ends with, from a `/` on; the jobs of one language-model run share it. */
  readonly configEnd?: string;
}

export interface JobPage {
  readonly jobs: readonly IndexedJob[];
  readonly total: number;
  readonly next: number | null;
}

/** In the column that is 1 for a job that was given to its box. */
const announcedMark = 2;

/**
 * One row per job, in memory as well: the queue is decided on it at every change. A row is written when the state changes,
 * and for mere progress at most once a minute of the box's own clock.
 */
export function createJobIndex(store: Store) {
  const jobs = new Map<string, IndexedJob>();
  const writtenProgressAtMs = new Map<string, number>();
  let nextPlace = 1;

  for (const row of store.rows("SELECT job_id, place, turn, dispatched, summary FROM jobs")) {
    const place = Number(row["place"]);
    const turn = Number(row["turn"] ?? place);
    jobs.set(text(row, "job_id"), {
      place,
      turn,
      dispatched: row["dispatched"] !== 0,
      announced: row["dispatched"] === announcedMark,
      summary: parseNonFinite<JobSummary>(text(row, "summary")),
    });
    nextPlace = Math.max(nextPlace, place + 1, turn + 1);
  }

  const write = (job: IndexedJob): void => {
    const { summary } = job;
    store.run(
      `INSERT INTO jobs (job_id, place, turn, agent_id, slot, state, dispatched, summary) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (job_id) DO UPDATE SET turn = excluded.turn, agent_id = excluded.agent_id, state = excluded.state, dispatched = excluded.dispatched, summary = excluded.summary`,
      summary.jobId,
      job.place,
      job.turn,
      summary.agentId,
      summary.slot,
      summary.state,
      job.announced ? announcedMark : Number(job.dispatched),
      stringifyNonFinite(summary),
    );
    writtenProgressAtMs.set(summary.jobId, summary.observedAtMs ?? 0);
    jobs.set(summary.jobId, job);
  };

  const waiting = (agentId: string, slot: string): IndexedJob[] =>
    [...jobs.values()]
      .filter(
        (job) =>
          job.summary.agentId === agentId &&
          job.summary.slot === slot &&
          job.summary.state === "queued" &&
          !job.dispatched,
      )
      .sort((a, b) => a.turn - b.turn);

  const occupant = (agentId: string, slot: string): IndexedJob | null =>
    [...jobs.values()].find(
      (job) =>
        job.summary.agentId === agentId &&
        job.summary.slot === slot &&
        !isTerminal(job.summary.state) &&
        ((job.dispatched && !job.announced) || job.summary.state !== "queued"),
    ) ?? null;

  return {
    get: (jobId: string): IndexedJob | null => jobs.get(jobId) ?? null,
    add(summary: JobSummary): IndexedJob {
      const known = jobs.get(summary.jobId);
      if (known !== undefined) return known;
      const job = {
        summary,
        place: nextPlace,
        turn: nextPlace,
        dispatched: false,
        announced: false,
      };
      nextPlace += 1;
      write(job);
      return job;
    },
    /** Found by its box, perhaps by another one than before. */
    announce(summary: JobSummary): void {
      const known = jobs.get(summary.jobId);
      if (known !== undefined && known.summary.agentId === summary.agentId) return;
      const place = known?.place ?? nextPlace;
      if (known === undefined) nextPlace += 1;
      write({ summary, place, turn: known?.turn ?? place, dispatched: true, announced: true });
    },
    announcedBy: (agentId: string): number =>
      [...jobs.values()].filter((job) => job.announced && job.summary.agentId === agentId).length,
    /** Returns whether the state changed, which is what may free a slot. */
    update(summary: JobSummary): boolean {
      const known = jobs.get(summary.jobId);
      if (known === undefined) return false;
      const changed = known.summary.state !== summary.state;
      const next = { ...known, summary };
      const since = (summary.observedAtMs ?? 0) - (writtenProgressAtMs.get(summary.jobId) ?? 0);
      if (changed || since >= limits.indexProgressMs || noteworthy(known.summary, summary)) {
        write(next);
      } else {
        jobs.set(summary.jobId, next);
      }
      return changed;
    },
    /** Back to the end of its queue. */
    requeue(summary: JobSummary): void {
      const known = jobs.get(summary.jobId);
      if (known === undefined) return;
      write({ ...known, summary, turn: nextPlace, dispatched: false, announced: false });
      nextPlace += 1;
    },
    markDispatched(jobId: string): void {
      const known = jobs.get(jobId);
      if (known !== undefined) write({ ...known, dispatched: true, announced: false });
    },
    waiting,
    occupant,
    /** 1 = next. Null when it is not waiting. */
    queuePosition(jobId: string): number | null {
      const job = jobs.get(jobId);
      if (job === undefined) return null;
      const at = waiting(job.summary.agentId, job.summary.slot).findIndex(
        (entry) => entry.summary.jobId === jobId,
      );
      return at === -1 ? null : at + 1;
    },
    active: (agentId: string): IndexedJob[] =>
      [...jobs.values()].filter(
        (job) => job.summary.agentId === agentId && !isTerminal(job.summary.state),
      ),
    /** Ids of the jobs whose id or name begins so, newest first. */
    idsBeginning(typed: string): string[] {
      const folded = typed.toLowerCase();
      return [...jobs.values()]
        .filter(
          ({ summary }) =>
            summary.jobId.startsWith(folded) || summary.jobName.toLowerCase().startsWith(folded),
        )
        .sort((a, b) => b.place - a.place)
        .map(({ summary }) => summary.jobId);
    },
    list(filter: JobFilter): JobPage {
      const matching = [...jobs.values()]
        .filter((job) => filter.states === null || filter.states.includes(job.summary.state))
        .filter((job) => filter.agentId === null || job.summary.agentId === filter.agentId)
        .filter(({ summary: { configName } }) => {
          const end = filter.configEnd;
          return end === undefined || configName === end || configName.endsWith(`/${end}`);
        })
        .sort((a, b) => b.place - a.place);
      const rest = matching.filter((job) => filter.before === null || job.place < filter.before);
      const page = rest.slice(0, filter.limit);
      return {
        jobs: page,
        total: matching.length,
        next: rest.length > page.length ? (page.at(-1)?.place ?? null) : null,
      };
    },
  };
}

export type JobIndex = ReturnType<typeof createJobIndex>;

/** Facts a reader of the list would miss for a minute: written at once although the state is the same. */
function noteworthy(before: JobSummary, after: JobSummary): boolean {
  return (
    before.model?.sha256 !== after.model?.sha256 ||
    before.alerts !== after.alerts ||
    before.attempt !== after.attempt ||
    before.stop?.by !== after.stop?.by
  );
}
