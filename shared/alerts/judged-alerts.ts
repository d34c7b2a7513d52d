import { findingCodes } from "../analysis/findings.ts";
import type { RunFinding } from "../analysis/findings.ts";
import type { Judgement } from "../analysis/judge-run.ts";
import type { Evidence } from "../jobs/failure.ts";
import type { Alert } from "./alert.ts";

/** A job's end and its guardrails are told by alerts of their own, with the figures. */
const toldAnyway: ReadonlySet<string> = new Set([
  "JOB_FAILED",
  "JOB_INTERRUPTED",
  "GUARDRAIL_STOPPED",
]);

/** What judging a run may tell. */
export const judgedCodes: readonly string[] = findingCodes.filter((code) => !toldAnyway.has(code));

/** What judging a run found, as alerts about it. */
export function judgedAlerts(
  { findings, facts }: Judgement,
  about: { readonly jobId: string; readonly agentId: string },
  nowMs: number,
): Alert[] {
  return findings
    .filter(({ code }) => !toldAnyway.has(code))
    .map((finding) => ({
      code: finding.code,
      severity: finding.severity,
      category: finding.category,
      message: finding.message,
      atMs: nowMs,
      jobId: about.jobId,
      agentId: about.agentId,
      step: facts.job.currentStep,
      evidence: flatEvidence(finding),
    }));
}

/** The verdict in two words for the alert of a job's end. */
export function verdictOf({ health, findings }: Judgement): Evidence {
  const codes = findings.map(({ code }) => code).join(", ");
  return { overall_health: health, ...(codes === "" ? {} : { findings: codes.slice(0, 1_000) }) };
}

/** Alerts carry plain values; a list of a finding's evidence is told by its length. */
function flatEvidence({ evidence, confidence }: RunFinding): Evidence {
  const entries = Object.entries(evidence).flatMap(
    ([name, value]): [string, Evidence[string]][] => {
      if (Array.isArray(value)) return [[name, value.length]];
      if (typeof value === "string") return [[name, value.slice(0, 1_000)]];
      return typeof value === "object" && value !== null ? [] : [[name, value]];
    },
  );
  return { ...Object.fromEntries(entries), confidence };
}
