import type { Evidence } from "@trainyard/shared/jobs/failure.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import type { DiagnosisView } from "@trainyard/shared/tools/job-view.ts";

/** What the log says is wrong with a run that did not fail: it was stopped for it, or went on to its end. */
export function diagnosisView({ failure, evidence }: JobSummary): DiagnosisView | null {
  const outcome = textOf(evidence, "diagnosis");
  const category = textOf(evidence, "category");
  const cause = textOf(evidence, "cause");
  const fix = textOf(evidence, "fix");
  if (failure !== null || outcome === null || category === null || cause === null || fix === null) {
    return null;
  }
  return {
    outcome,
    category,
    cause,
    fix,
    call: textOf(evidence, "call"),
    root_cause_line: textOf(evidence, "root_cause_line"),
  };
}

export function textOf(evidence: Evidence | null, key: string): string | null {
  const value = evidence?.[key];
  return typeof value === "string" ? value : null;
}
