import type {
  AlertView,
  AttemptView,
  CheckpointView,
  GapView,
  SampleView,
} from "@trainyard/shared/tools/job-view.ts";
import type { AttemptState } from "../job/attempt-state.ts";
import type { JobEvent } from "../job/job.ts";
import { iso, isoOrNull } from "./words.ts";

type EventOf<Kind extends JobEvent["item"]["kind"]> = Extract<JobEvent["item"], { kind: Kind }>;

/** Items of one kind, oldest first. */
export function itemsOf<Kind extends JobEvent["item"]["kind"]>(
  events: readonly JobEvent[],
  kind: Kind,
): EventOf<Kind>[] {
  return events.map(({ item }) => item).filter((item): item is EventOf<Kind> => item.kind === kind);
}

export function checkpointView(item: EventOf<"checkpoint">): CheckpointView {
  return {
    step: item.step,
    path: item.path,
    size: item.bytes,
    at: iso(item.atMs),
    valid: item.valid,
  };
}

export function sampleView(item: EventOf<"sample">): SampleView {
  return {
    step: item.step,
    index: item.index,
    path: item.path,
    size: item.bytes,
    at: iso(item.atMs),
  };
}

export function alertView(item: EventOf<"alert">): AlertView {
  return {
    code: item.code,
    severity: item.severity,
    category: item.category,
    message: item.message,
    evidence: item.evidence,
    at: iso(item.atMs),
    step: item.step,
    ...(item.guardrail ? { guardrail: true } : {}),
    ...(item.wouldStop === true ? { would_stop: true } : {}),
  };
}

export function gapView(item: EventOf<"gap">): GapView {
  return {
    what: item.what,
    from_step: item.fromStep,
    to_step: item.toStep,
    reason: item.reason,
    at: iso(item.atMs),
  };
}

export function attemptView(attempt: AttemptState, startStep: number | null): AttemptView {
  return {
    attempt: attempt.attempt,
    state: attempt.state,
    started_at: isoOrNull(attempt.startedAtMs),
    ended_at: isoOrNull(attempt.endedAtMs),
    start_step: startStep,
    evidence: attempt.evidence,
  };
}
