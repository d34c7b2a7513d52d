import { freshGuardrailState, longestTickMs, observe } from "./guardrails.ts";
import type { GuardrailRules, GuardrailState, Observation, Trigger } from "./guardrails.ts";

/** Where in the log a rule fired. */
export interface ReplayedTrigger extends Trigger {
  /** 1-based, counted by newlines: the line an editor shows. */
  readonly line: number;
  /** What the job's own bar showed as elapsed, in seconds. */
  readonly elapsedSeconds: number;
}

export interface Replay {
  push(bytes: Uint8Array): readonly ReplayedTrigger[];
  /** Reads the unfinished last line. */
  end(): readonly ReplayedTrigger[];
  state(): GuardrailState;
  /** Lines begun so far. */
  lines(): number;
  /** Losses that were judged. */
  losses(): number;
  /** Whether the training was seen at all; without it, that nothing fired means nothing. */
  found(): boolean;
}

/** The rules with a clock that the log drives: what is told carries the line and the time that stand then. */
export function createReplayJudge(rules: GuardrailRules) {
  let state = freshGuardrailState;
  let told: ReplayedTrigger[] = [];
  let line = 1;
  let elapsedSeconds = 0;
  let losses = 0;

  const take = (observation: Observation): void => {
    if (observation.kind === "loss") losses += 1;
    const judged = observe(rules, state, observation);
    state = judged.state;
    for (const trigger of judged.triggers) told.push({ ...trigger, line, elapsedSeconds });
  };

  /** The agent looks twice a second; here the clock goes in steps that count whole. */
  const pass = (seconds: number): void => {
    // A clock that starts again is another run in the same file.
    if (seconds < elapsedSeconds) elapsedSeconds = seconds;
    const goal = Math.min(seconds, elapsedSeconds + longestReplaySeconds);
    while (elapsedSeconds < goal) {
      const stepMs = Math.min(longestTickMs, (goal - elapsedSeconds) * 1_000);
      elapsedSeconds += stepMs / 1_000;
      take({ kind: "tick", elapsedMs: stepMs, ranMs: elapsedSeconds * 1_000, disk: null });
    }
    elapsedSeconds = seconds;
  };

  return {
    take,
    pass,
    state: () => state,
    elapsed: () => elapsedSeconds,
    lines: () => line,
    losses: () => losses,
    nextLine: () => {
      line += 1;
    },
    /** What was told since the last call. */
    told: (): readonly ReplayedTrigger[] => {
      const out = told;
      told = [];
      return out;
    },
  };
}

/** A day: one look at the rules costs little, but a forged clock must not make endless ones. */
export const longestReplaySeconds = 86_400;
