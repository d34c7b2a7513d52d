import type { LossCourse } from "./loss/loss-course.ts";
import { judgeNonFinite } from "./loss/convergence.ts";
import type { RunFacts } from "./run-facts.ts";
import { scored, unknownScore } from "./score.ts";
import type { Score } from "./score.ts";

/**
 * `stability_v2`: 100 less what went wrong, each fault counted once (the seeds' formula took the same fault off through its
 * mentions, its severity and its alerts). Deductions, with their caps: failed 45; stopped by a guardrail 30; a survived
 * out-of-memory batch 3 (15); a survived traceback 8 (24); an error line 1 (10); a NaN or infinite step 4 (20); a cluster
 * of spikes 5 (15); a diverged loss 30. A run whose losses end in NaN has at most 10. What the box did to it (a reboot, a
 * lost connection) and an owner's stop cost nothing.
 */
export function stabilityScore(facts: RunFacts, course: LossCourse): Score {
  const rule = "stability_v2";
  const { faults, loss } = facts;
  const nonFiniteSteps = loss.nanCount + loss.infCount;
  const failed = facts.job.state === "failed";
  const guardrail = facts.alerts.some((alert) => alert.guardrail);
  const evidence = {
    points: loss.count,
    failure: facts.failure?.code ?? "none",
    oom_skipped: faults.oomSkipped,
    tracebacks: faults.tracebacks,
    error_lines: faults.errorLines,
    non_finite_steps: nonFiniteSteps,
    spike_clusters: course.spikeClusters,
    diverged: course.diverged,
    stopped_by_guardrail: guardrail,
  };
  const seen = loss.count > 0 || facts.speed.count > 0;
  if (!seen && !failed) return unknownScore(rule, "nothing_ran", evidence);
  const value =
    100 -
    (failed ? 45 : 0) -
    (guardrail ? 30 : 0) -
    Math.min(15, 3 * faults.oomSkipped) -
    // A failed run ends in a traceback: that one is the failure, which is counted already.
    Math.min(24, 8 * Math.max(0, faults.tracebacks - (failed ? 1 : 0))) -
    Math.min(10, faults.errorLines) -
    Math.min(20, 4 * nonFiniteSteps) -
    Math.min(15, 5 * course.spikeClusters) -
    (course.diverged === true ? 30 : 0);
  return scored(rule, judgeNonFinite(loss) === "broken" ? Math.min(10, value) : value, evidence);
}
