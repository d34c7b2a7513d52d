import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { CallOutcome } from "@trainyard/shared/protocol/call-ledger.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import { withTotalSteps } from "@trainyard/shared/training/ai-toolkit-document.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import type { JobGuardrails } from "../job/guardrails.ts";
import type { ResumeRequest } from "../job/wanted-attempt.ts";
import { unwrap } from "../outcome.ts";
import type { JobClient } from "../stubs.ts";
import type { Calls, DurableCall, PendingCall } from "./calls.ts";
import type { IndexedJob, JobIndex } from "./job-index.ts";
import { requireOperation } from "./sessions.ts";
import type { Sessions } from "./sessions.ts";
import type { Starts } from "./starts.ts";

export interface StartRequest {
  readonly snapshot: JobSnapshot;
  /** The same key starts once; other arguments under it are refused. */
  readonly idempotencyKey: string;
  readonly argsHash: string;
}

export interface StopRequest {
  readonly jobId: string;
  readonly mode: "checkpoint" | "now";
  readonly by: string;
  readonly reason: string;
}

export interface QueueDependencies {
  readonly jobs: JobIndex;
  readonly calls: Calls;
  readonly starts: Starts;
  readonly sessions: Sessions;
  job(jobId: string): JobClient;
  /** False when the box is not connected; a kept call goes out with its next hello. */
  sendCall(call: PendingCall): boolean;
  /** The box would not start it. */
  refused(summary: JobSummary): void;
}

/** Which rules a change led to, and whether the box has said that it judges by them. */
export interface GuardrailChange {
  readonly guardrails: JobGuardrails;
  /** `waiting`: not started yet, it starts with them; `pending`: the box gets them when it connects. */
  readonly delivery: "in-force" | "waiting" | "pending";
}

/** How long a stop waits for the box to say that it heard; the stop itself does not depend on it. */
const stopAnswerMs = 5_000;

/** One queue per slot of each box: what waits, what is given to the box, what is taken back. */
export function createQueue(deps: QueueDependencies) {
  const { jobs, calls, starts, sessions } = deps;
  const filling = new Set<string>();
  /** How often the guardrails of a job were changed: what was read before a change is not sent after it. */
  const changes = new Map<string, number>();

  /** One process per slot: the oldest waiting job goes to the box when its slot is free and the box is there. */
  const dispatch = async (agentId: string): Promise<void> => {
    for (const slot of sessions.known(agentId)?.capabilities.slots ?? []) {
      const name = `${agentId}/${slot}`;
      // Held over the awaits below: another event must not give the same slot a second job meanwhile.
      if (filling.has(name)) continue;
      filling.add(name);
      try {
        await fill(agentId, slot);
      } finally {
        filling.delete(name);
      }
    }
  };

  const fill = async (agentId: string, slot: string): Promise<void> => {
    const first = (): IndexedJob | undefined =>
      sessions.currentSocket(agentId) === null || jobs.occupant(agentId, slot) !== null
        ? undefined
        : jobs.waiting(agentId, slot)[0];
    for (let next = first(); next !== undefined; next = first()) {
      const { jobId } = next.summary;
      const changesBefore = changes.get(jobId);
      const { snapshot, summary, guardrails, totalSteps } = unwrap(
        await deps.job(jobId).describe(),
      );
      const args: OperationArgs<"start-attempt"> = {
        jobId,
        attempt: summary.attempt + 1,
        jobName: snapshot.jobName,
        trainer: snapshot.trainer,
        document: withSteps(snapshot, totalSteps),
        guardrails: guardrails.wanted.rules,
        guardrailsRevision: guardrails.wanted.revision,
        slot,
        totalSteps,
      };
      const call = { ...(await calls.prepare(agentId, "start-attempt", args)), jobId };
      // It may have been stopped behind the awaits: then the next one is looked for.
      if (first()?.summary.jobId !== jobId || changes.get(jobId) !== changesBefore) continue;
      changes.delete(jobId);
      // Both rows in one turn, so in one commit: a job that is given away has its call.
      jobs.markDispatched(jobId);
      calls.keep(call);
      deps.sendCall(call);
    }
  };

  const cancel = async (jobId: string, nowMs: number): Promise<void> => {
    const current = unwrap(await deps.job(jobId).summary());
    const end = {
      state: "stopped",
      stop: current.stop,
      failure: null,
      evidence: { end: "not-started" },
    } as const;
    jobs.update(unwrap(await deps.job(jobId).endBeforeStart(end, nowMs)));
  };

  const refused = async (
    jobId: string,
    outcome: CallOutcome & { ok: false },
    nowMs: number,
  ): Promise<void> => {
    const { code, message, hint } = outcome.error;
    const end = {
      state: "failed",
      stop: null,
      failure: {
        code: code === "TRAINER_NOT_FOUND" ? "TRAINER_NOT_FOUND" : "START_REFUSED",
        message: message.slice(0, 500),
        fix: hint?.slice(0, 500) ?? "Correct what it names and start again.",
      },
      evidence: { refused_with: code },
    } as const;
    const summary = unwrap(await deps.job(jobId).endBeforeStart(end, nowMs));
    if (jobs.update(summary)) deps.refused(summary);
  };

  return {
    dispatch,

    /** Idempotent by key; done when the job is queued, not when its process runs. */
    async start(
      request: StartRequest,
      nowMs: number,
    ): Promise<{ job: IndexedJob; duplicate: boolean }> {
      const { snapshot } = request;
      const earlier = starts.find(request.idempotencyKey, request.argsHash, nowMs);
      const known = earlier === null ? null : jobs.get(earlier);
      if (known !== null) return { job: known, duplicate: true };
      // A key without its job: its start still runs, or was cut off. Either way it is that job and no other.
      const jobId = earlier ?? snapshot.jobId;
      if (jobs.waiting(snapshot.agentId, snapshot.slot).length >= limits.queueLength) {
        throw new AppError(
          "QUOTA_EXCEEDED",
          `The queue of this GPU holds ${limits.queueLength} jobs already.`,
          {
            hint: "Stop some queued jobs first.",
          },
        );
      }
      // The key first: a second delivery of the same start must find it while the first one still waits.
      starts.keep(request.idempotencyKey, request.argsHash, jobId, nowMs);
      const summary = unwrap(await deps.job(jobId).create({ ...snapshot, jobId }));
      const job = jobs.add(summary);
      await dispatch(snapshot.agentId);
      return { job: jobs.get(jobId) ?? job, duplicate: earlier !== null };
    },

    /** Another attempt of a job that has ended; one that lives is left alone. Waits in the queue behind those that wait already. */
    async resume(
      jobId: string,
      request: ResumeRequest,
    ): Promise<{ job: IndexedJob; resumed: boolean }> {
      const job = jobs.get(jobId);
      if (job === null) throw unknownJob(jobId);
      const { agentId, state } = job.summary;
      if (!isTerminal(state)) return { job, resumed: false };
      const summary = unwrap(await deps.job(jobId).requestResume(request));
      // The same wish may have come twice, and the first one may be on its way to the box.
      if (isTerminal(jobs.get(jobId)?.summary.state ?? state)) jobs.requeue(summary);
      await dispatch(agentId);
      return { job: jobs.get(jobId) ?? job, resumed: true };
    },

    /** What is wanted is written first; a box that is off gets it with its next hello. */
    async stop(
      request: StopRequest,
      nowMs: number,
    ): Promise<{ job: IndexedJob; delivered: boolean }> {
      const { jobId, mode, by, reason } = request;
      const job = jobs.get(jobId);
      if (job === null) throw unknownJob(jobId);
      const { agentId, state } = job.summary;
      const newest = (): IndexedJob => jobs.get(jobId) ?? job;
      if (isTerminal(state)) return { job, delivered: true };
      jobs.update(unwrap(await deps.job(jobId).noteStopWanted({ by, reason, mode, atMs: nowMs })));
      // Looked at again behind the await: the job may have been given to the box meanwhile.
      if (newest().summary.state === "queued" && !newest().dispatched) {
        await cancel(jobId, nowMs);
        await dispatch(agentId);
        return { job: newest(), delivered: true };
      }
      const args: OperationArgs<"stop-attempt"> = {
        jobId,
        attempt: attemptToReach(newest()),
        mode,
        by,
        reason,
      };
      const call = { ...(await calls.prepare(agentId, "stop-attempt", args)), jobId };
      calls.keep(call);
      if (!deps.sendCall(call)) return { job: newest(), delivered: false };
      const delivered = await calls.wait(call, "stop-attempt", stopAnswerMs).then(
        () => true,
        () => false,
      );
      return { job: newest(), delivered };
    },

    /** Kept with the job first; a box that is off gets them with its next hello. */
    async changeGuardrails(
      jobId: string,
      change: Partial<GuardrailRules>,
    ): Promise<GuardrailChange> {
      const job = jobs.get(jobId);
      if (job === null) throw unknownJob(jobId);
      const { agentId } = job.summary;
      requireOperation(sessions.known(agentId), "set-guardrails");
      const guardrails = unwrap(await deps.job(jobId).changeGuardrails(change));
      changes.set(jobId, (changes.get(jobId) ?? 0) + 1);
      const newest = jobs.get(jobId) ?? job;
      if (newest.summary.state === "queued" && !newest.dispatched) {
        return { guardrails, delivery: "waiting" };
      }
      const args: OperationArgs<"set-guardrails"> = {
        jobId,
        attempt: attemptToReach(newest),
        ...guardrails.wanted,
      };
      const call = { ...(await calls.prepare(agentId, "set-guardrails", args)), jobId };
      // Only the newest rules are worth delivering; the box drops older ones that are under way by their number.
      const before = calls.keptForJob(jobId, "set-guardrails");
      if (before !== null) calls.forget(before.callId);
      calls.keep(call);
      if (!deps.sendCall(call)) return { guardrails, delivery: "pending" };
      const answer = await calls.wait(call, "set-guardrails", stopAnswerMs).catch(orPending);
      if (answer === null) return { guardrails, delivery: "pending" };
      const { outcome } = operations["set-guardrails"].value.parse(answer);
      if (outcome === "not-running") throw hasEnded(jobId);
      return {
        guardrails: { ...guardrails, inForce: guardrails.wanted },
        delivery: "in-force",
      };
    },

    /** The effect of a durable call's result, once: its row goes in the same turn. */
    async settle(call: DurableCall, outcome: CallOutcome, nowMs: number): Promise<void> {
      if (call.operation === "start-attempt" && !outcome.ok)
        await refused(call.jobId, outcome, nowMs);
      if (call.operation === "stop-attempt" && outcome.ok) {
        const value = operations["stop-attempt"].value.safeParse(outcome.value);
        if (value.success && value.data.outcome === "not-started") await cancel(call.jobId, nowMs);
      }
      calls.forget(call.callId);
      await dispatch(call.agentId);
    },
  };
}

export type Queue = ReturnType<typeof createQueue>;

/** Given to the box and not told of yet: the call must reach the attempt that is on its way. */
function attemptToReach({ summary }: IndexedJob): number {
  return summary.wantedAttempt ?? Math.max(1, summary.attempt);
}

/** The snapshot stays as it is: only what the box is given has the raised number. */
function withSteps(
  { document, totalSteps: planned }: JobSnapshot,
  totalSteps: number | null,
): JobSnapshot["document"] {
  return totalSteps === null || totalSteps === planned
    ? document
    : withTotalSteps(document, totalSteps);
}

/** No answer in time: the call is kept and goes on. What the box refused is the caller's to know. */
function orPending(error: unknown): null {
  const code = error instanceof AppError ? error.code : null;
  if (code === "TOOL_TIMEOUT" || code === "AGENT_OFFLINE") return null;
  throw error;
}

function hasEnded(jobId: string): AppError {
  return new AppError("JOB_NOT_RUNNING", "The job is not running on its box any more.", {
    hint: "Call get-training-status for how it ended.",
    details: { job_id: jobId },
  });
}

export function unknownJob(jobId: string): AppError {
  return new AppError("JOB_NOT_FOUND", "There is no such job.", {
    hint: "Call list-training-jobs for the jobs there are.",
    details: { job_id: jobId.slice(0, 80) },
  });
}
