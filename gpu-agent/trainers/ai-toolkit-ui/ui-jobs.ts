import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Announce } from "@trainyard/shared/protocol/messages.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import type { FoundJobs } from "../../connection.ts";
import type { Home } from "../../home.ts";
import type { Supervisor } from "../../jobs/supervisor.ts";
import type { Log } from "../../log.ts";
import { errorFields } from "../../log.ts";
import type { AttemptRow, Spool } from "../../spool.ts";
import type { Time, Timer } from "../../time.ts";
import type { UiApi } from "./ui-api.ts";
import {
  announcementOf,
  endedToTake,
  foundAttempt,
  isAnotherRun,
  uiAttemptOf,
} from "./ui-found.ts";
import type { KnownAtEdge } from "./ui-found.ts";
import { createUiRhythm } from "./ui-rhythm.ts";
import { isActive, jobIdOfUi, jobOfRef, neverQueued } from "./ui-rows.ts";
import type { UiJob } from "./ui-rows.ts";

export interface UiJobsDeps {
  readonly api: UiApi;
  readonly home: Home;
  readonly spool: Spool;
  readonly time: Time;
  readonly log: Log;
  readonly secrets: readonly KnownSecret[];
  readonly supervisor: Pick<Supervisor, "takeUp" | "liveJobs">;
  /** False where nobody is there to hear it. */
  readonly announce: (job: Announce["job"]) => boolean;
  readonly release: (jobId: string) => void;
  readonly version: () => Promise<string | null>;
}

/** Looks for jobs that were started in the UI, and introduces them to the edge. */
export interface UiJobs extends FoundJobs {
  start(): void;
  close(): void;
}

/** Named by the edge itself: it stands where the spool says. */
const named: KnownAtEdge = { ok: true, attempt: 0, acked: 0, state: "queued", lastStep: null };

/**
 * A job is followed once the edge has answered for it: only then is it known whether an earlier spool had told of it. Until then
 * nothing is lost, since the UI keeps log and metrics.
 */
export function createUiJobs(deps: UiJobsDeps): UiJobs {
  const { api, home, spool, time, log } = deps;
  const rhythm = createUiRhythm(time);
  /** Taken by the edge in this session, with what it knew of them. */
  const accepted = new Map<string, KnownAtEdge>();
  const refused = new Set<string>();
  /** Introduced, and to be followed when the answer is there. */
  const asked = new Map<string, UiJob>();
  const foundByJob = new Map<string, boolean>();
  let accepts = false;
  let timer: Timer | null = null;
  let listedAllAt = Number.NEGATIVE_INFINITY;
  let closed = false;

  const lastOf = (jobId: string): AttemptRow | null => spool.attemptsOf(jobId).at(-1) ?? null;

  /** Its attempts began in the UI. One that was started here is known to the edge by its start. */
  const isFound = (jobId: string): boolean => {
    const known = foundByJob.get(jobId);
    if (known !== undefined) return known;
    const last = lastOf(jobId);
    if (last === null) return false;
    const found = uiAttemptOf(home, last)?.ours === false;
    foundByJob.set(jobId, found);
    return found;
  };

  const isNew = (row: UiJob, jobId: string): boolean => {
    const last = lastOf(jobId);
    if (last === null) return true;
    return isTerminal(last.state) && isAnotherRun(row, uiAttemptOf(home, last));
  };

  const introduce = async (row: UiJob, jobId: string): Promise<void> => {
    if (!accepts || refused.has(jobId) || asked.has(jobId)) return;
    asked.set(jobId, row);
    const job = announcementOf(row, jobId, await deps.version(), deps.secrets);
    if (job === null || !deps.announce(job)) asked.delete(jobId);
  };

  const follow = (row: UiJob, jobId: string): void => {
    const known = accepted.get(jobId) ?? null;
    const found = foundAttempt(row, jobId, {
      last: lastOf(jobId),
      known,
      home,
      nowMs: time.now(),
    });
    if (found !== null) deps.supervisor.takeUp(found);
  };

  const consider = async (row: UiJob): Promise<void> => {
    const jobId = jobIdOf(row);
    const mustIntroduce = (lastOf(jobId) === null || isFound(jobId)) && !accepted.has(jobId);
    if (mustIntroduce) await introduce(row, jobId);
    else if (isNew(row, jobId)) follow(row, jobId);
  };

  const look = async (): Promise<void> => {
    const all = time.monotonic() - listedAllAt >= limits.uiListAllMs;
    const rows = (await api.jobs(all ? "all" : "active")).filter(
      (row) => row.job_type === "train" && !neverQueued(row),
    );
    for (const row of rows.filter(isActive)) await consider(row);
    if (!all) return;
    const live = new Set(deps.supervisor.liveJobs().map(({ jobId }) => jobId));
    const catching = rows.filter((row) => !isActive(row) && live.has(jobIdOf(row))).length;
    const unknown = (row: UiJob): boolean => isNew(row, jobIdOf(row)) && !isDone(jobIdOf(row));
    const ended = endedToTake(rows, unknown, limits.uiBackfillAtOnce - catching);
    for (const row of ended) await consider(row);
    // More of them wait: they are looked for at the next look, not a minute later.
    listedAllAt = ended.length > 0 || catching > 0 ? Number.NEGATIVE_INFINITY : time.monotonic();
  };

  /** Of a spool that was lost: the edge has its end, or does not take it. */
  const isDone = (jobId: string): boolean => {
    const known = accepted.get(jobId);
    return (
      refused.has(jobId) || (known !== undefined && known.attempt > 0 && isTerminal(known.state))
    );
  };

  const turn = async (): Promise<void> => {
    try {
      await look();
      rhythm.answered();
    } catch (error) {
      if (rhythm.failures() === 0)
        log("warn", "the Web UI's jobs could not be listed", errorFields(error));
      rhythm.failed();
    }
    schedule(rhythm.waitMs() ?? limits.uiListMs);
  };
  const schedule = (delayMs: number): void => {
    if (closed) return;
    timer?.cancel();
    timer = time.after(delayMs, () => void turn());
  };

  return {
    start: () => schedule(0),
    close() {
      closed = true;
      timer?.cancel();
    },
    isHeld: (jobId) => isFound(jobId) && !accepted.has(jobId),
    welcomed(session) {
      accepts = session.accepts;
      accepted.clear();
      refused.clear();
      asked.clear();
      for (const jobId of session.named) accepted.set(jobId, named);
      listedAllAt = Number.NEGATIVE_INFINITY;
      if (timer !== null) schedule(0);
    },
    answered({ jobId, outcome }) {
      const row = asked.get(jobId);
      asked.delete(jobId);
      if (!outcome.ok) {
        refused.add(jobId);
        const { message: reason } = outcome.error;
        log("warn", "the edge does not take a job of the Web UI", { jobId, reason });
        return;
      }
      accepted.set(jobId, outcome);
      deps.release(jobId);
      if (row !== undefined && isNew(row, jobId)) follow(row, jobId);
    },
  };
}

function jobIdOf(row: UiJob): string {
  return jobOfRef(row) ?? jobIdOfUi(row.id);
}
