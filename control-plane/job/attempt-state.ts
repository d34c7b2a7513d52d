import { aggregate, emptyAggregate } from "@trainyard/shared/analysis/series.ts";
import type { KeyAggregate } from "@trainyard/shared/analysis/series.ts";
import type { Evidence, Failure } from "@trainyard/shared/jobs/failure.ts";
import { isTerminal, mayFollow } from "@trainyard/shared/jobs/state.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import { fromWireValue } from "@trainyard/shared/protocol/items.ts";
import type { Head, Item, StateItem } from "@trainyard/shared/protocol/items.ts";
import { wentOn } from "./earlier-attempts.ts";
import type { EarlierAttempts } from "./earlier-attempts.ts";
import type { NumberedRules } from "./guardrails.ts";
import { wantedAttempt } from "./wanted-attempt.ts";
import type { WantedAttempt } from "./wanted-attempt.ts";

/** Everything an answer needs about one attempt, small enough to be rewritten with every flush. JSON in one column. */
export interface AttemptState {
  readonly attempt: number;
  readonly state: JobState;
  readonly process: StateItem["process"];
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly stop: JobSummary["stop"];
  /** As the box said it; missing where an earlier version wrote the row. */
  readonly guardrails?: NumberedRules;
  readonly failure: Failure | null;
  readonly evidence: Evidence | null;
  readonly keys: Readonly<Record<string, KeyAggregate>>;
  readonly checkpoints: number;
  readonly lastCheckpoint: JobSummary["lastCheckpoint"];
  readonly samples: number;
  readonly alerts: number;
  readonly gaps: number;
  readonly model: JobSummary["model"];
  readonly head: Head | null;
  readonly logTail: readonly string[];
  /** Edge clock. */
  readonly observedAtMs: number | null;
}

/** What the job is before and beside its attempts: decided by the Hub, since the box never heard of it. */
export interface BeforeStart {
  readonly state: Extract<JobState, "queued" | "stopped" | "failed">;
  readonly stop: JobSummary["stop"];
  readonly failure: Failure | null;
  readonly evidence: Evidence | null;
  readonly endedAtMs: number | null;
  /** Set since the job was started; its attempts, those to come included, are to run by them. */
  readonly guardrails?: NumberedRules;
  /** The attempt that is wanted next; over once the box has told of one of that number. */
  readonly resume?: WantedAttempt;
  /** More steps than the job was started with; for all attempts to come. */
  readonly totalSteps?: number;
}

export const queuedBefore: BeforeStart = {
  state: "queued",
  stop: null,
  failure: null,
  evidence: null,
  endedAtMs: null,
};

export function newAttempt(attempt: number): AttemptState {
  return {
    attempt,
    state: "starting",
    process: null,
    startedAtMs: null,
    endedAtMs: null,
    stop: null,
    failure: null,
    evidence: null,
    keys: {},
    checkpoints: 0,
    lastCheckpoint: null,
    samples: 0,
    alerts: 0,
    gaps: 0,
    model: null,
    head: null,
    logTail: [],
    observedAtMs: null,
  };
}

/** [J1] A terminal state never changes; what arrives after it is stored as an event and changes nothing. */
export function applyItem(state: AttemptState, item: Item): AttemptState {
  switch (item.kind) {
    case "metrics": {
      const keys: Record<string, KeyAggregate> = { ...state.keys };
      for (const [key, column] of Object.entries(item.values)) {
        keys[key] = aggregate(keys[key] ?? emptyAggregate, item.steps, column.map(fromWireValue));
      }
      return { ...state, keys };
    }
    case "state":
      return applyState(state, item);
    case "checkpoint":
      return {
        ...state,
        checkpoints: state.checkpoints + (item.final ? 0 : 1),
        lastCheckpoint: item.valid
          ? { step: item.step, path: item.path, bytes: item.bytes }
          : state.lastCheckpoint,
      };
    case "sample":
      return { ...state, samples: state.samples + 1 };
    case "alert":
      return { ...state, alerts: state.alerts + 1 };
    case "gap":
      return { ...state, gaps: state.gaps + 1 };
    case "artifact":
      return {
        ...state,
        model: {
          name: item.name,
          path: item.path,
          bytes: item.bytes,
          sha256: item.sha256,
          step: item.step,
        },
      };
  }
}

function applyState(state: AttemptState, item: StateItem): AttemptState {
  if (state.state !== item.state && !mayFollow(state.state, item.state)) return state;
  return {
    ...state,
    state: item.state,
    process: item.process ?? state.process,
    startedAtMs: state.startedAtMs ?? item.atMs,
    endedAtMs: isTerminal(item.state) ? item.atMs : null,
    stop: item.stop ? { ...item.stop, atMs: item.atMs } : state.stop,
    failure: item.failure ?? state.failure,
    evidence: item.evidence ?? state.evidence,
    ...(item.guardrails ? { guardrails: item.guardrails } : {}),
  };
}

/** The head repeats the newest truth; it may run ahead of the items during a catch-up, never behind them. */
export function applyHead(state: AttemptState, head: Head, nowMs: number): AttemptState {
  return {
    ...state,
    head: { ...head, logTail: null },
    logTail: head.logTail ?? state.logTail,
    observedAtMs: nowMs,
  };
}

function shownState(state: AttemptState): JobState {
  const ahead = state.head?.state;
  return ahead !== undefined && mayFollow(state.state, ahead) ? ahead : state.state;
}

export function summarise(
  snapshot: JobSnapshot,
  before: BeforeStart,
  attempt: AttemptState | null,
  earlier: EarlierAttempts,
): JobSummary {
  const shared = {
    jobId: snapshot.jobId,
    agentId: snapshot.agentId,
    jobName: snapshot.jobName,
    configName: snapshot.configName,
    trainer: snapshot.trainer,
    slot: snapshot.slot,
    createdAtMs: snapshot.createdAtMs,
    ...(snapshot.origin === undefined ? {} : { origin: snapshot.origin }),
  };
  if (attempt === null) {
    return {
      ...shared,
      state: before.state,
      phase: null,
      attempt: 0,
      currentStep: null,
      totalSteps: snapshot.totalSteps,
      stepsPerSecond: null,
      remainingSeconds: null,
      loss: null,
      firstLoss: null,
      lr: null,
      nanSteps: 0,
      points: 0,
      checkpoints: 0,
      lastCheckpoint: null,
      samples: 0,
      alerts: 0,
      gaps: 0,
      model: null,
      stop: before.stop,
      failure: before.failure,
      evidence: before.evidence,
      startedAtMs: null,
      endedAtMs: before.endedAtMs,
      observedAtMs: null,
    };
  }
  const newest = {
    ...ofAttempt(shared, snapshot, before, attempt),
    ...wentOn(earlier, attempt),
  };
  const wanted = wantedAttempt(before, attempt);
  if (wanted === null) return newest;
  return {
    ...newest,
    wantedAttempt: wanted.attempt,
    state: wanted.state,
    phase: null,
    stepsPerSecond: null,
    remainingSeconds: null,
    totalSteps: before.totalSteps ?? newest.totalSteps,
    stop: before.stop,
    failure: wanted.failure,
    evidence: wanted.evidence,
    endedAtMs: wanted.endedAtMs,
  };
}

function ofAttempt(
  shared: Pick<
    JobSummary,
    "jobId" | "agentId" | "jobName" | "configName" | "trainer" | "slot" | "createdAtMs"
  >,
  snapshot: JobSnapshot,
  before: BeforeStart,
  attempt: AttemptState,
): Omit<JobSummary, keyof EarlierAttempts> {
  const state = shownState(attempt);
  const { head } = attempt;
  const loss = attempt.keys["loss"] ?? emptyAggregate;
  return {
    ...shared,
    state,
    phase: isTerminal(state) ? null : (head?.phase ?? null),
    attempt: attempt.attempt,
    totalSteps: head?.totalSteps ?? before.totalSteps ?? snapshot.totalSteps,
    stepsPerSecond: head?.stepsPerSecond ?? null,
    remainingSeconds: isTerminal(state) ? null : (head?.remainingSeconds ?? null),
    loss: loss.last ?? (head === null ? null : fromWireValue(head.loss)),
    firstLoss: loss.first,
    lr: attempt.keys["lr"]?.last ?? head?.lr ?? null,
    nanSteps: loss.nanCount,
    points: loss.count,
    samples: attempt.samples,
    alerts: attempt.alerts,
    gaps: attempt.gaps,
    model: attempt.model,
    stop: attempt.stop ?? before.stop,
    failure: attempt.failure,
    evidence: attempt.evidence,
    startedAtMs: attempt.startedAtMs,
    endedAtMs: attempt.endedAtMs,
    observedAtMs: attempt.observedAtMs,
  };
}
