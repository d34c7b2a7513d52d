import type { Diagnosis } from "../logs/failure/diagnosis.ts";
import { startAgain } from "../logs/failure/system-signatures.ts";

export interface JobKind {
  /** A whole checkpoint lies in the job's folder, of this attempt or an earlier one. */
  readonly wholeCheckpoint: boolean;
  /** A run of a language-model project: it has no saved config. */
  readonly languageModel: boolean;
}

/** For jobs that were ended from outside: to begin anew would throw away what a checkpoint holds. */
export function againOrOnward({ wholeCheckpoint }: Pick<JobKind, "wholeCheckpoint">): string {
  return wholeCheckpoint
    ? "then resume-training: it goes on from its last checkpoint."
    : startAgain;
}

/** The signature table speaks of any log; this is what there is to call for this very job. */
export function fitted(diagnosis: Diagnosis, job: JobKind): Diagnosis {
  const { call } = diagnosis;
  if (call === "start-training" && job.wholeCheckpoint) {
    const fix = diagnosis.fix.endsWith(startAgain)
      ? `${diagnosis.fix.slice(0, -startAgain.length)}${againOrOnward(job)}`
      : diagnosis.fix;
    return { ...diagnosis, fix, call: "resume-training" };
  }
  const ofConfigs = call?.match(/^(?:validate|create)-training-config\b/)?.[0];
  return call === null || ofConfigs === undefined || !job.languageModel
    ? diagnosis
    : { ...diagnosis, call: call.replace(ofConfigs, "configure-training-run") };
}
