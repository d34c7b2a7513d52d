import { lstatSync, mkdirSync, readdirSync, renameSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { limits } from "@trainyard/shared/limits.ts";
import { foldName } from "@trainyard/shared/names.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import type { AttemptRow } from "../spool.ts";
import type { OutputPlace, Trainer } from "../trainers/trainer.ts";
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
  return isFree(args.jobName) ? args.jobName : nameOfItsOwn(args);
}

/** For a job whose name is another's already. */
export function nameOfItsOwn({
  jobName,
  jobId,
}: Pick<OperationArgs<"start-attempt">, "jobName" | "jobId">): string {
  const suffix = `-${jobId.slice("job_".length, "job_".length + 8)}`;
  return `${jobName.slice(0, limits.nameCharacters - suffix.length)}${suffix}`;
}

export function folderOf(place: OutputPlace | null): string | null {
  return place === null ? null : join(place.root, place.folder);
}

/** Not there, or an empty folder: a start that was cut off before it was accepted leaves one. */
function isUnused(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined || (stat.isDirectory() && readdirSync(path).length === 0);
}

/** AI Toolkit resumes from whatever begins with the job's name, of any type; only a name that begins with a dot is safe from it. */
const asideFolder = ".set-aside";

/**
 * Only a checkpoint that checks out may be resumed from; the others keep their bytes in a folder of their own. The trainer takes
 * the one whose status changed last (`get_latest_save_path` by ctime), so the furthest one is touched: a copy or a changed mode of
 * another would win over it. Returns the names that were set aside.
 */
export function makeResumable(
  trainer: Trainer,
  outputFolder: string,
  fileStem: string,
): readonly string[] {
  const files = trainer.checkpoints(outputFolder, fileStem);
  const damaged = files.filter(({ valid }) => !valid);
  for (const { name, path } of damaged) renameSync(path, freePlace(outputFolder, name));
  const furthest = files
    .filter(({ valid }) => valid)
    .reduce((most, { step }) => Math.max(most, step ?? 0), 0);
  for (const { path, valid, step } of files) {
    if (!valid || (step ?? 0) !== furthest) continue;
    const { atime, mtime } = lstatSync(path);
    utimesSync(path, atime, mtime);
  }
  return damaged.map(({ name }) => name);
}

function freePlace(outputFolder: string, name: string): string {
  for (let copy = 0; ; copy += 1) {
    const path = join(outputFolder, asideFolder, copy === 0 ? name : `${name}.${copy}`);
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) continue;
    mkdirSync(dirname(path), { recursive: true });
    return path;
  }
}
