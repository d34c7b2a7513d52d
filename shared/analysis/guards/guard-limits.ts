import { shortNumber } from "./guard-finding.ts";
import type { Finding } from "./guard-finding.ts";
import type { GuardrailRules } from "./guard-rules.ts";

const hourMs = 3_600_000;

/** Off by default: limits of the owner. Hours count from the attempt's start; its last step is never cut off. */
export function judgeHours(
  rules: GuardrailRules,
  ranMs: number,
  step: number | null,
): Finding | null {
  const { maxHours } = rules;
  if (maxHours === null || ranMs < maxHours * hourMs) return null;
  const hours = shortNumber(ranMs / hourMs);
  return {
    code: "MAX_HOURS_REACHED",
    severity: "warning",
    category: "limit",
    message: `The job has run for ${hours} hours; its owner allows ${maxHours}.`,
    step,
    evidence: { hours, max_hours: maxHours },
  };
}

export function judgeSteps(rules: GuardrailRules, step: number | null): Finding | null {
  const { maxSteps } = rules;
  if (maxSteps === null || step === null || step < maxSteps) return null;
  return {
    code: "MAX_STEPS_REACHED",
    severity: "warning",
    category: "limit",
    message: `The job has made ${step} steps; its owner allows ${maxSteps}.`,
    step,
    evidence: { current_step: step, max_steps: maxSteps },
  };
}
