import { limits } from "@trainyard/shared/limits.ts";

/**
 * The stop of an attempt as a pure reducer of time and facts. It is saved with the attempt before its effect happens, so an
 * agent that comes back goes on at the same step and never interrupts twice.
 */
type StopStep = "checkpoint" | "ask" | "interrupt" | "terminate" | "kill";
export type StopMode = "checkpoint" | "now";

export interface StopLadder {
  readonly mode: StopMode;
  readonly step: StopStep;
  /** The step's signal or request was given (or was about to be, when the agent died). */
  readonly acted: boolean;
  /** Saves seen when the checkpoint was asked for; one more means it is there. */
  readonly savesBefore: number;
  /** Monotonic; counted anew by a restarted agent. */
  readonly sinceMs: number;
}

export interface LadderFacts {
  readonly nowMs: number;
  readonly alive: boolean;
  /** The trainer writes a checkpoint right now: an interrupt would cut the file. */
  readonly saving: boolean;
  readonly canSave: boolean;
  /** The trainer stops by itself when it is asked, at a place where nothing is torn: after a step, behind a save. */
  readonly canAsk: boolean;
  /** Its process can be reached with signals; of one that runs elsewhere only the question is left, again and again. */
  readonly canSignal: boolean;
  readonly savesSeen: number;
}

export type LadderEffect = "save" | "ask" | "interrupt" | "terminate" | "kill";

export interface LadderDeadlines {
  readonly checkpointMs: number;
  readonly askMs: number;
  readonly interruptMs: number;
  readonly terminateMs: number;
  readonly killMs: number;
}

export const ladderDeadlines: LadderDeadlines = {
  checkpointMs: limits.stopCheckpointMs,
  askMs: limits.stopAskMs,
  interruptMs: limits.stopInterruptMs,
  terminateMs: limits.stopTerminateMs,
  killMs: limits.stopKillMs,
};

export function beginStop(
  mode: StopMode,
  facts: Pick<LadderFacts, "nowMs" | "savesSeen">,
): StopLadder {
  const step: StopStep = mode === "checkpoint" ? "checkpoint" : "ask";
  return { mode, step, acted: false, savesBefore: facts.savesSeen, sinceMs: facts.nowMs };
}

/** A second stop may only shorten what is left. */
export function hastenStop(ladder: StopLadder, mode: StopMode, nowMs: number): StopLadder {
  if (mode !== "now" || ladder.mode === "now") return ladder;
  const skips = ladder.step === "checkpoint";
  return skips
    ? { ...ladder, mode: "now", step: "ask", acted: false, sinceMs: nowMs }
    : { ...ladder, mode: "now" };
}

/** Nobody listens: a request would only be waited for. */
export function skipAsking(ladder: StopLadder, nowMs: number): StopLadder {
  return { ...ladder, step: "interrupt", acted: false, sinceMs: nowMs };
}

/** After a restart: same step, same memory of what was done, its deadline counted from now. */
export function resumeStop(ladder: StopLadder, nowMs: number): StopLadder {
  return { ...ladder, sinceMs: nowMs };
}

export function climb(
  ladder: StopLadder,
  facts: LadderFacts,
  deadlines: LadderDeadlines = ladderDeadlines,
): { readonly ladder: StopLadder; readonly effect: LadderEffect | null } {
  if (!facts.alive) return { ladder, effect: null };
  const waitedMs = facts.nowMs - ladder.sinceMs;
  const enter = (step: StopStep): StopLadder => ({
    ...ladder,
    step,
    acted: false,
    sinceMs: facts.nowMs,
  });
  const act = (effect: LadderEffect) => ({
    ladder: { ...ladder, acted: true, sinceMs: facts.nowMs },
    effect,
  });

  switch (ladder.step) {
    case "checkpoint": {
      const saved = ladder.acted && facts.savesSeen > ladder.savesBefore;
      if (!facts.canSave || saved || (ladder.acted && waitedMs >= deadlines.checkpointMs)) {
        return climb(enter("ask"), facts, deadlines);
      }
      return ladder.acted ? { ladder, effect: null } : act("save");
    }
    case "ask": {
      const isLate = ladder.acted && waitedMs >= deadlines.askMs;
      if (facts.canSignal && (!facts.canAsk || isLate)) {
        return climb(enter("interrupt"), facts, deadlines);
      }
      return ladder.acted && !isLate ? { ladder, effect: null } : act("ask");
    }
    case "interrupt": {
      if (!ladder.acted) {
        // Bounded like the checkpoint itself: a save that never ends must not make the stop endless.
        if (facts.saving && waitedMs < deadlines.checkpointMs) return { ladder, effect: null };
        return act("interrupt");
      }
      if (waitedMs < deadlines.interruptMs) return { ladder, effect: null };
      return climb(enter("terminate"), facts, deadlines);
    }
    case "terminate": {
      if (!ladder.acted) return act("terminate");
      if (waitedMs < deadlines.terminateMs) return { ladder, effect: null };
      return climb(enter("kill"), facts, deadlines);
    }
    case "kill": {
      if (!ladder.acted || waitedMs >= deadlines.killMs) return act("kill");
      return { ladder, effect: null };
    }
  }
}
