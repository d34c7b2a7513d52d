import { isAtLeast, severities } from "@trainyard/shared/alerts/alert.ts";
import type { Alert } from "@trainyard/shared/alerts/alert.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";
import type { IndexedJob, JobIndex } from "./job-index.ts";
import type { KnownAgent, Sessions } from "./sessions.ts";

/**
 * What only the edge can notice: a box that fell silent, a job that waits for nothing. Looked at from the alarm, and only
 * while somebody wants to hear of it; each condition is told of once, and a box's return as well.
 */
export function createAlertWatch(deps: {
  readonly store: Store;
  readonly sessions: Pick<Sessions, "agents" | "lastSeenAtMs" | "currentSocket">;
  readonly jobs: Pick<JobIndex, "active" | "occupant">;
}) {
  const { store, sessions, jobs } = deps;
  const told = new Set(
    store.rows("SELECT condition FROM alert_conditions").map((row) => text(row, "condition")),
  );
  /** When a job was first seen waiting before a free slot. Forgotten with the object: then it only takes longer. */
  const freeSinceMs = new Map<string, number>();

  const tell = (condition: string, nowMs: number): void => {
    store.run(
      "INSERT OR REPLACE INTO alert_conditions (condition, since_ms) VALUES (?, ?)",
      condition,
      nowMs,
    );
    told.add(condition);
  };
  const forget = (condition: string): void => {
    if (told.delete(condition)) {
      store.run("DELETE FROM alert_conditions WHERE condition = ?", condition);
    }
  };

  const seenAtMs = (agent: KnownAgent): number =>
    sessions.lastSeenAtMs(agent.agentId) ?? agent.lastSeenAtMs;
  const isOffline = (agent: KnownAgent, nowMs: number): boolean =>
    nowMs - seenAtMs(agent) >= limits.offlineAfterMs;
  const waitingOf = (agent: KnownAgent): IndexedJob[] =>
    jobs
      .active(agent.agentId)
      .filter(({ summary, dispatched }) => summary.state === "queued" && !dispatched);

  const judgeBox = (agent: KnownAgent, nowMs: number): Alert[] => {
    const condition = `offline:${agent.agentId}`;
    const offline = isOffline(agent, nowMs);
    if (offline === told.has(condition)) return [];
    if (offline) tell(condition, nowMs);
    else forget(condition);
    return [boxAlert(agent, offline, seenAtMs(agent), jobs.active(agent.agentId), nowMs)];
  };

  const judgeQueue = (agent: KnownAgent, nowMs: number): Alert[] => {
    const waiting = waitingOf(agent);
    const ids = new Set(waiting.map(({ summary }) => summary.jobId));
    const prefix = `queue:${agent.agentId}:`;
    for (const condition of told) {
      if (condition.startsWith(prefix) && !ids.has(condition.slice(prefix.length)))
        forget(condition);
    }
    for (const jobId of freeSinceMs.keys()) {
      if (!waiting.some(({ summary }) => summary.jobId === jobId)) freeSinceMs.delete(jobId);
    }
    return waiting.flatMap((job): Alert[] => {
      const { jobId } = job.summary;
      const sinceMs = stuckSinceMs(agent, job, nowMs);
      if (sinceMs === null || nowMs - sinceMs < limits.queueStuckMs) return [];
      if (told.has(prefix + jobId)) return [];
      tell(prefix + jobId, nowMs);
      return [queueAlert(agent, job, isOffline(agent, nowMs), sinceMs, nowMs)];
    });
  };

  /** Null: it waits behind a job that runs, as it should. */
  const stuckSinceMs = (agent: KnownAgent, job: IndexedJob, nowMs: number): number | null => {
    const { jobId, slot, createdAtMs } = job.summary;
    if (sessions.currentSocket(agent.agentId) === null) {
      return Math.max(createdAtMs, seenAtMs(agent));
    }
    if (jobs.occupant(agent.agentId, slot) !== null) {
      freeSinceMs.delete(jobId);
      return null;
    }
    const sinceMs = freeSinceMs.get(jobId) ?? nowMs;
    freeSinceMs.set(jobId, sinceMs);
    return sinceMs;
  };

  return {
    /** What is new since the last look; told of from now on. */
    check: (nowMs: number): Alert[] =>
      sessions
        .agents()
        .flatMap((agent) => [...judgeBox(agent, nowMs), ...judgeQueue(agent, nowMs)]),

    /** Jobs worth judging: those that have a process. */
    running: (): IndexedJob[] =>
      sessions
        .agents()
        .flatMap(({ agentId }) => jobs.active(agentId))
        .filter(({ summary }) => summary.attempt > 0),

    forgetEnded(running: ReadonlySet<string>): void {
      for (const condition of told) {
        const [kind, jobId = ""] = condition.split(":");
        if (kind === "finding" && !running.has(jobId)) forget(condition);
      }
    },

    /** Findings of a job that were not told of yet, or not as severe. One that is over may come back and is told again. */
    untold(jobId: string, found: readonly Alert[], nowMs: number): Alert[] {
      const prefix = `finding:${jobId}:`;
      const codes = new Set(found.map(({ code }) => code));
      for (const condition of told) {
        const code = condition.slice(prefix.length).split(":")[0] ?? "";
        if (condition.startsWith(prefix) && !codes.has(code)) forget(condition);
      }
      return found.filter(({ code, severity }) => {
        const asSevere = severities.filter((other) => isAtLeast(other, severity));
        if (asSevere.some((other) => told.has(`${prefix}${code}:${other}`))) return false;
        tell(`${prefix}${code}:${severity}`, nowMs);
        return true;
      });
    },

    /** When it is worth looking again; null when only a box's return can change anything. */
    nextAtMs(nowMs: number): number | null {
      const times = sessions.agents().flatMap((agent): number[] => {
        if (sessions.currentSocket(agent.agentId) !== null) return [nowMs + limits.alertCheckMs];
        const box = told.has(`offline:${agent.agentId}`)
          ? []
          : [seenAtMs(agent) + limits.offlineAfterMs];
        const queue = waitingOf(agent)
          .filter(({ summary }) => !told.has(`queue:${agent.agentId}:${summary.jobId}`))
          .map(
            ({ summary }) => Math.max(summary.createdAtMs, seenAtMs(agent)) + limits.queueStuckMs,
          );
        return [...box, ...queue];
      });
      return times.length === 0 ? null : Math.min(...times);
    },
  };
}

function boxAlert(
  agent: KnownAgent,
  offline: boolean,
  seenAtMs: number,
  active: readonly IndexedJob[],
  nowMs: number,
): Alert {
  const unfinished = active.length;
  return {
    code: offline ? "BOX_OFFLINE" : "BOX_ONLINE",
    severity: offline ? (unfinished > 0 ? "critical" : "warning") : "info",
    category: "box",
    message: offline
      ? "The box has not been heard of for five minutes; a training on it goes on by itself."
      : "The box is connected again.",
    atMs: nowMs,
    jobId: null,
    agentId: agent.agentId,
    step: null,
    evidence: {
      box: agent.capabilities.name,
      last_seen_at: new Date(seenAtMs).toISOString(),
      unfinished_jobs: unfinished,
    },
  };
}

function queueAlert(
  agent: KnownAgent,
  { summary }: IndexedJob,
  offline: boolean,
  sinceMs: number,
  nowMs: number,
): Alert {
  return {
    code: "QUEUE_STUCK",
    severity: "warning",
    category: "queue",
    message: offline
      ? "The job waits for a box that is offline; it starts when the box is back."
      : "The job waits although nothing runs before it.",
    atMs: nowMs,
    jobId: summary.jobId,
    agentId: agent.agentId,
    step: null,
    evidence: {
      box: agent.capabilities.name,
      slot: summary.slot,
      job_name: summary.jobName,
      waiting_seconds: Math.round((nowMs - sinceMs) / 1_000),
    },
  };
}
