import type { Evidence } from "../../jobs/failure.ts";
import type { FailureCategory } from "../log-report.ts";
import { certainty } from "./signature.ts";
import { signatureById } from "./signatures.ts";
import type { Verdict } from "./verdict.ts";
import { observedSignatures } from "./system-signatures.ts";

/** What a trainer's output says about how its run ended; never `healthy`. */
export type Diagnosis = Verdict & {
  readonly outcome: "failed" | "degraded";
  readonly category: Exclude<FailureCategory, "none">;
  readonly cause: string;
  readonly fix: string;
};

export interface KnownNumbers {
  /** Steps whose loss was not a number, as the series has them. */
  readonly nanSteps: number;
}

/**
 * One diagnosis from the reports of a run's streams, which were read apart because their lines have no common order.
 * A failure outweighs what only spoils, and the surer signature the other.
 */
export function diagnose(
  reports: readonly Verdict[],
  { nanSteps }: KnownNumbers,
): Diagnosis | null {
  let best: Diagnosis | null = null;
  for (const report of reports) {
    if (isDiagnosis(report) && (best === null || weight(report) > weight(best))) best = report;
  }
  if (best !== null || nanSteps === 0) return best;
  const { id, category, cause, fix, call } = observedSignatures.nan;
  return { outcome: "degraded", category, cause, fix, call, signature: id, rootCauseLine: null };
}

function isDiagnosis(verdict: Verdict): verdict is Diagnosis {
  return verdict.outcome !== "healthy" && verdict.cause !== null && verdict.fix !== null;
}

function weight({ outcome, signature, rootCauseLine }: Diagnosis): number {
  const row = signature === null ? undefined : signatureById.get(signature);
  const sure = row === undefined ? 0 : certainty[row.certainty];
  return (outcome === "failed" ? 100 : 0) + sure + (rootCauseLine === null ? 0 : 0.5);
}

/** As it stands in an attempt's evidence; the line is the trainer's text and comes redacted. */
export function diagnosisEvidence(diagnosis: Diagnosis): Evidence {
  return {
    diagnosis: diagnosis.outcome,
    category: diagnosis.category,
    cause: diagnosis.cause,
    fix: diagnosis.fix,
    call: diagnosis.call,
    signature: diagnosis.signature,
    root_cause_line: diagnosis.rootCauseLine?.slice(0, evidenceCharacters) ?? null,
  };
}

const evidenceCharacters = 1_000;
