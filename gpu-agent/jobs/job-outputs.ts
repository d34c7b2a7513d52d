import { attemptFiles } from "../home.ts";
import type { Trainers } from "../trainers/detect.ts";
import type { OutputPlace } from "../trainers/trainer.ts";
import { parseSpec } from "./attempt-spec.ts";
import type { RunnerEnvironment } from "./live-attempt.ts";

/** Which job a folder below the outputs is of, and where it lies. */
export interface JobOutputs {
  /** What runs in this folder below the outputs; a reader must know before it takes a file away. */
  jobOfOutput(outputName: string): string | null;
  /** Where the folder of that name below the outputs lies. Null: with another program's files, and not to be read here. */
  readonly findOutput: (outputName: string) => OutputPlace | null;
  /** The newest job of each folder below the outputs: for a list, which must not read all attempts once a row. */
  jobsOfOutputs(): ReadonlyMap<string, string>;
}

export function createJobOutputs(
  { home, spool }: Pick<RunnerEnvironment, "home" | "spool">,
  trainers: Trainers,
): JobOutputs {
  const jobsOfOutputs = (): ReadonlyMap<string, string> =>
    new Map(
      spool.attempts().flatMap((attempt) => {
        const outputName = parseSpec(attempt.spec)?.training.outputName;
        return outputName === undefined ? [] : [[outputName, attempt.jobId] as const];
      }),
    );
  return {
    jobsOfOutputs,
    jobOfOutput: (outputName) => jobsOfOutputs().get(outputName) ?? null,
    findOutput(outputName) {
      const own = { root: home.outputs, folder: outputName };
      const row = spool
        .attempts()
        .findLast((attempt) => parseSpec(attempt.spec)?.training.outputName === outputName);
      const spec = row === undefined ? null : parseSpec(row.spec);
      if (row === undefined || spec?.training.elsewhere === undefined) return own;
      const files = attemptFiles(home, row.jobId, row.attempt);
      return trainers.get(spec.args.trainer)?.placeOf?.(files, spec.training) ?? null;
    },
  };
}
