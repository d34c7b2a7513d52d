import { guardrailRulesSchema } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import type { AttemptState, BeforeStart } from "./attempt-state.ts";

/** Rules under a number that rises with every change; 0 are those the job was started with. */
export interface NumberedRules {
  readonly revision: number;
  readonly rules: GuardrailRules;
}

/** [J3] The edge says which rules are wanted, only the box says which are in force. */
export interface JobGuardrails {
  readonly wanted: NumberedRules;
  /** Null while no process has said so. */
  readonly inForce: NumberedRules | null;
}

export function guardrailsOf(
  snapshot: JobSnapshot,
  before: BeforeStart,
  attempt: AttemptState | null,
): JobGuardrails {
  return {
    wanted: before.guardrails ?? { revision: 0, rules: snapshot.guardrails },
    inForce: attempt?.guardrails ?? null,
  };
}

/** Throws JOB_NOT_RUNNING for a job that has ended: there is nothing left to guard. */
export function changedGuardrails(
  state: JobState,
  { revision, rules }: NumberedRules,
  change: Partial<GuardrailRules>,
): NumberedRules {
  if (isTerminal(state)) {
    throw new AppError("JOB_NOT_RUNNING", "The job has ended; its guardrails judge nothing more.", {
      hint: "Give the rules with run-training-with-guardrails when you start again.",
    });
  }
  return { revision: revision + 1, rules: guardrailRulesSchema.parse({ ...rules, ...change }) };
}
