import { z } from "zod";
import type { Evidence } from "../jobs/failure.ts";

/**
 * Rules that may stop a job. They belong to the job and are judged on the box for its whole life, with or without a
 * connection. This version acts on NaN; the others are recorded with the job until their rules are there.
 */
export const guardrailRulesSchema = z.object({
  stopOnNan: z.boolean(),
  /** Steps with a NaN loss before the rule fires. One is a blip that AI Toolkit survives by setting the loss to 0. */
  nanThreshold: z.int().min(1).max(1_000),
});
export type GuardrailRules = z.infer<typeof guardrailRulesSchema>;

export const defaultGuardrailRules: GuardrailRules = { stopOnNan: true, nanThreshold: 3 };
export const noGuardrailRules: GuardrailRules = { stopOnNan: false, nanThreshold: 3 };

/** Running state of the rules; saved with the parser's, so a restarted agent neither forgets nor fires twice. */
export interface GuardrailState {
  readonly nanSteps: number;
  readonly firstNanStep: number | null;
  readonly fired: readonly string[];
}

export const freshGuardrailState: GuardrailState = { nanSteps: 0, firstNanStep: null, fired: [] };

export interface Trigger {
  readonly code: "TRAINING_NAN_LOSS";
  readonly severity: "critical";
  readonly category: "quality";
  readonly message: string;
  readonly step: number | null;
  readonly evidence: Evidence;
}

/** One point of the loss; `loss` is NaN when the trainer said so. */
export function judgeLoss(
  rules: GuardrailRules,
  state: GuardrailState,
  step: number,
  loss: number,
): { readonly state: GuardrailState; readonly trigger: Trigger | null } {
  if (Number.isFinite(loss)) return { state, trigger: null };
  const next: GuardrailState = {
    ...state,
    nanSteps: state.nanSteps + 1,
    firstNanStep: state.firstNanStep ?? step,
  };
  if (
    !rules.stopOnNan ||
    next.nanSteps < rules.nanThreshold ||
    next.fired.includes("TRAINING_NAN_LOSS")
  ) {
    return { state: next, trigger: null };
  }
  return {
    state: { ...next, fired: [...next.fired, "TRAINING_NAN_LOSS"] },
    trigger: {
      code: "TRAINING_NAN_LOSS",
      severity: "critical",
      category: "quality",
      message: `The loss is not a number in ${next.nanSteps} steps, first at step ${next.firstNanStep ?? step}.`,
      step,
      evidence: {
        nan_steps: next.nanSteps,
        first_nan_step: next.firstNanStep,
        threshold: rules.nanThreshold,
      },
    },
  };
}
