import type { Finding } from "./guard-finding.ts";
import type { GuardrailRules } from "./guard-rules.ts";

export interface OomState {
  /** Skipped batches since the start; AI Toolkit survived each of them. */
  readonly skipped: number;
  /** Completed steps at the newest of them, at most as many as the threshold may be. */
  readonly at: readonly number[];
}

export const freshOom: OomState = { skipped: 0, at: [] };

/**
 * A batch now and then that does not fit (the largest bucket, once an epoch) costs nothing worth a stop; the same number
 * within this many steps means that the job trains on what happens to fit.
 */
const windowSteps = 100;
const kept = 100;

/**
 * On by default, 3 batches within 100 steps. Only AI Toolkit's own line counts ("OOM during training step, skipping batch
 * n/m"): a word in a job's name, a caption or a path never does.
 */
export function judgeOom(
  rules: GuardrailRules,
  state: OomState,
  step: number | null,
): { readonly state: OomState; readonly finding: Finding | null } {
  const now = step ?? 0;
  const at = [...state.at.filter((earlier) => earlier <= now), now].slice(-kept);
  const next: OomState = { skipped: state.skipped + 1, at };
  const recent = at.filter((earlier) => now - earlier < windowSteps).length;
  if (recent < rules.oomThreshold) return { state: next, finding: null };
  return {
    state: next,
    finding: {
      code: "TRAINING_REPEATED_OOM",
      severity: "critical",
      category: "memory",
      message: `The GPU's memory was too small for ${recent} batches within ${windowSteps} steps; the trainer skipped them.`,
      step,
      evidence: {
        oom_count: recent,
        oom_threshold: rules.oomThreshold,
        window_steps: windowSteps,
        survived_batches: next.skipped,
      },
    },
  };
}
