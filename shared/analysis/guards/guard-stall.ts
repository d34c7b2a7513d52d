import type { Finding } from "./guard-finding.ts";
import type { GuardrailRules } from "./guard-rules.ts";

export interface StallState {
  /** Completed count when the window began to be counted; null before the bar is there. */
  readonly markStep: number | null;
  /** Clock of training, which stands still while anything else is done. */
  readonly markAtMs: number;
  /** The first step of this attempt is made. */
  readonly begun: boolean;
  /** Seconds of a step as the bar showed it last. */
  readonly secondsPerStep: number | null;
}

export const freshStall: StallState = {
  markStep: null,
  markAtMs: 0,
  begun: false,
  secondsPerStep: null,
};

/** Before the first step a trainer compiles, moves weights and fills its workers, all under a bar that stands at 0. */
const graceMs = 1_800_000;
/** A run that is slow by nature is not stalled: so many of its own steps are waited for, whatever the window says. */
const ownSteps = 10;
/** An average that has all but stopped must not make the wait endless. */
const longestStepSeconds = 3_600;

/** A step count was shown. Only `minStepDelta` steps together begin the window anew. */
export function noteStep(
  rules: GuardrailRules,
  state: StallState,
  shown: {
    readonly step: number;
    readonly stepsPerSecond: number | null;
    readonly trainingMs: number;
  },
): StallState {
  const { step, stepsPerSecond, trainingMs } = shown;
  const secondsPerStep =
    stepsPerSecond !== null && stepsPerSecond > 0
      ? Math.min(1 / stepsPerSecond, longestStepSeconds)
      : state.secondsPerStep;
  const marked = { markStep: step, markAtMs: trainingMs, secondsPerStep };
  const { markStep } = state;
  // A count that goes back is another run in the same file.
  if (markStep === null || step < markStep) return { ...marked, begun: false };
  const gained = step - markStep;
  // The first step ends the grace, whatever a window must bring.
  if (gained >= rules.minStepDelta || (gained > 0 && !state.begun)) {
    return { ...marked, begun: true };
  }
  return { ...state, secondsPerStep };
}

/**
 * On by default, 600 s (the earlier systems' 120 s stops runs that compile for a new picture size in the middle; an idle
 * GPU for ten minutes costs less than a run). Counted is time in which the box was awake, the agent was looking and the
 * trainer was training: not loading, caching, sampling, saving, nor after the last step.
 */
export function judgeStall(
  rules: GuardrailRules,
  state: StallState,
  now: { readonly step: number | null; readonly trainingMs: number },
): Finding | null {
  const { markStep, begun } = state;
  if (markStep === null) return null;
  const waitedMs = now.trainingMs - state.markAtMs;
  const windowMs = begun
    ? Math.max(rules.stallWindowSeconds, ownSteps * (state.secondsPerStep ?? 0)) * 1_000
    : Math.max(rules.stallWindowSeconds * 1_000, graceMs);
  if (waitedMs < windowMs) return null;
  const gained = Math.max(0, (now.step ?? markStep) - markStep);
  const seconds = Math.round(waitedMs / 1_000);
  return {
    code: "TRAINING_STALLED_PROGRESS",
    severity: "critical",
    category: "progress",
    message: `${gained === 0 ? "No step was" : `Only ${gained} steps were`} made in ${seconds} s of training; ${rules.minStepDelta} ${rules.minStepDelta === 1 ? "was" : "were"} to come in ${Math.round(windowMs / 1_000)} s.`,
    step: now.step,
    evidence: {
      seconds_since_progress: seconds,
      stall_window_seconds: rules.stallWindowSeconds,
      window_used_seconds: Math.round(windowMs / 1_000),
      current_step: now.step,
      required_step: markStep + rules.minStepDelta,
    },
  };
}
