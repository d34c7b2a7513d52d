import type { Finding } from "./guard-finding.ts";
import type { GuardrailRules } from "./guard-rules.ts";

export interface NanState {
  readonly nanSteps: number;
  readonly firstNanStep: number | null;
}

export const freshNan: NanState = { nanSteps: 0, firstNanStep: null };

/**
 * On by default, 3 steps. AI Toolkit sets a NaN loss to 0 and goes on, so one step is harmless; weights that have become
 * NaN give nothing but NaN from then on, and three steps in are found within seconds.
 */
export function judgeNan(
  rules: GuardrailRules,
  state: NanState,
  step: number,
  loss: number,
): { readonly state: NanState; readonly finding: Finding | null } {
  if (Number.isFinite(loss)) return { state, finding: null };
  const next = { nanSteps: state.nanSteps + 1, firstNanStep: state.firstNanStep ?? step };
  if (next.nanSteps < rules.nanThreshold) return { state: next, finding: null };
  return {
    state: next,
    finding: {
      code: "TRAINING_NAN_LOSS",
      severity: "critical",
      category: "quality",
      message: `The loss is not a number in ${next.nanSteps} steps, first at step ${next.firstNanStep}.`,
      step,
      evidence: {
        nan_steps: next.nanSteps,
        first_nan_step: next.firstNanStep,
        threshold: rules.nanThreshold,
      },
    },
  };
}
