import { isTerminal, mayFollow } from "@trainyard/shared/jobs/state.ts";
import type { JobState, Phase } from "@trainyard/shared/jobs/state.ts";
import type { Connectivity } from "@trainyard/shared/protocol/edge-session.ts";
import { toWireValue } from "@trainyard/shared/protocol/items.ts";
import type { WireValue } from "@trainyard/shared/protocol/items.ts";
import type * as hub from "../hub/hub.ts";

/** The newest truth about a job: the committed summary, or the live lane where that is fresher. */
export interface JobNow {
  readonly state: JobState;
  readonly phase: Phase | null;
  readonly currentStep: number | null;
  readonly totalSteps: number | null;
  readonly stepsPerSecond: number | null;
  readonly remainingSeconds: number | null;
  readonly loss: WireValue;
  readonly lr: number | null;
  /** Edge clock. */
  readonly observedAtMs: number | null;
  /** 0 to 100, one decimal. */
  readonly progress: number;
  readonly connectivity: Connectivity;
}

export function jobNow(view: hub.JobView): JobNow {
  const { summary, live, connectivity } = view;
  const committed = {
    state: summary.state,
    phase: summary.phase,
    currentStep: summary.currentStep,
    totalSteps: summary.totalSteps,
    stepsPerSecond: summary.stepsPerSecond,
    remainingSeconds: summary.remainingSeconds,
    loss: summary.loss === null ? null : toWireValue(summary.loss),
    lr: summary.lr,
    observedAtMs: summary.observedAtMs,
  };
  const fresher =
    live !== null && !isTerminal(summary.state) && live.receivedAtMs >= (summary.observedAtMs ?? 0);
  const newest = fresher
    ? {
        state: mayFollow(summary.state, live.head.state) ? live.head.state : summary.state,
        phase: live.head.phase,
        currentStep: live.head.currentStep ?? committed.currentStep,
        totalSteps: live.head.totalSteps ?? committed.totalSteps,
        stepsPerSecond: live.head.stepsPerSecond,
        remainingSeconds: live.head.remainingSeconds,
        loss: live.head.loss ?? committed.loss,
        lr: live.head.lr ?? committed.lr,
        observedAtMs: live.receivedAtMs,
      }
    : committed;
  return { ...newest, connectivity, progress: progressOf(newest) };
}

function progressOf(now: Pick<JobNow, "state" | "currentStep" | "totalSteps">): number {
  if (now.state === "completed") return 100;
  if (now.currentStep === null || now.totalSteps === null || now.totalSteps <= 0) return 0;
  return Math.min(100, Math.round((now.currentStep / now.totalSteps) * 1_000) / 10);
}

export function speedString(stepsPerSecond: number | null): string | null {
  if (stepsPerSecond === null || !(stepsPerSecond > 0)) return null;
  return stepsPerSecond >= 1
    ? `${stepsPerSecond.toFixed(2)} iter/sec`
    : `${(1 / stepsPerSecond).toFixed(2)} sec/iter`;
}
