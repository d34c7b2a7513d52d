import { lstatSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { limits } from "@trainyard/shared/limits.ts";
import { foldName } from "@trainyard/shared/names.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import type { AttemptRow } from "../spool.ts";
import type { Trainer } from "../trainers/trainer.ts";
import { parseSpec } from "./attempt-spec.ts";

/** Two jobs never share a folder: the trainer would resume from, and prune, the other's checkpoints. */
export function chooseOutput(
  args: OperationArgs<"start-attempt">,
  attempts: readonly AttemptRow[],
  outputs: string,
): string {
  const taken = new Set<string>();
  for (const row of attempts) {
    const name = parseSpec(row.spec)?.training.outputName;
    if (name === undefined) continue;
    if (row.jobId === args.jobId) return name;
    taken.add(foldName(name));
  }
  const isFree = (name: string): boolean =>
    !taken.has(foldName(name)) && isUnused(join(outputs, name));
  if (isFree(args.jobName)) return args.jobName;
  const suffix = `-${args.jobId.slice("job_".length, "job_".length + 8)}`;
  return `${args.jobName.slice(0, limits.nameCharacters - suffix.length)}${suffix}`;
}

/** Not there, or an empty folder: a start that was cut off before it was accepted leaves one. */
function isUnused(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined || (stat.isDirectory() && readdirSync(path).length === 0);
}

/** Only a checkpoint that checks out may be resumed from; the others keep their bytes under another name. */
export function setDamagedAside(trainer: Trainer, outputFolder: string, name: string): void {
  for (const file of trainer.checkpoints(outputFolder, name)) {
    if (!file.valid) renameSync(file.path, `${file.path}.corrupt`);
  }
}
