import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import { writeFileAtomic } from "../files/atomic-write.ts";
import type { AttemptFiles } from "../home.ts";
import { createJobTable } from "../trainers/job-table.ts";
import type { PreparedTraining, Trainer } from "../trainers/trainer.ts";
import { makeResumable } from "./output-folder.ts";

/** Returns the checkpoints that were set aside. */
export function makeFolder(
  outputFolder: string,
  attempt: number,
  trainer: Trainer,
  { fileStem, name }: PreparedTraining,
): readonly string[] {
  mkdirSync(outputFolder, { recursive: true, mode: 0o700 });
  return attempt > 1 ? makeResumable(trainer, outputFolder, fileStem ?? name) : [];
}

/** `outputFolder` null: another program runs it, so there is nothing to launch. */
export function writeAttemptFiles(
  files: AttemptFiles,
  jobId: string,
  training: PreparedTraining,
  outputFolder: string | null,
): void {
  mkdirSync(files.folder, { recursive: true, mode: 0o700 });
  writeFileAtomic(files.config, training.configText);
  if (training.jobTable !== undefined) createJobTable(training.jobTable.path, jobId);
  if (outputFolder !== null) {
    const { command, args, cwd } = training;
    const outputLock = join(outputFolder, ".trainyard.lock");
    writeFileAtomic(files.launch, JSON.stringify({ command, args, cwd, outputLock }));
  }
  for (const path of [files.stdout, files.stderr])
    writeFileSync(path, "", { flag: "a", mode: 0o600 });
}

/** Said in the job's own history: the next attempt goes on from an earlier step than the file's name promised. */
export function setAside(name: string, atMs: number): Item {
  return {
    kind: "alert",
    atMs,
    step: null,
    code: "CHECKPOINT_SET_ASIDE",
    severity: "warning",
    category: "errors",
    message: "A damaged checkpoint was set aside; the job goes on from the last one that is whole.",
    evidence: { file: name.slice(0, 255) },
    guardrail: false,
  };
}
