import { renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { randomId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { syncFolder, writeFileAtomic } from "../../files/atomic-write.ts";
import { openFolderInside } from "../../safe-path.ts";
import { yieldAt } from "./in-turn.ts";
import { asideFolder, changesFolder, listChanges } from "./journal.ts";
import type { Journal, JournalStep } from "./journal.ts";
import { atFile, fileExists, makeFolders, refuseOddFile, sha256Of } from "./place.ts";
import { rollBack } from "./roll-back.ts";

/** A file that goes aside, or text that takes its place or a new one. */
export type ChangeStep =
  | { readonly kind: "move"; readonly path: string }
  | { readonly kind: "write"; readonly path: string; readonly text: string };

export interface Change {
  readonly kind: Journal["kind"];
  readonly argsHash: string;
  readonly steps: readonly ChangeStep[];
}

/**
 * All of it or nothing: what fails half-way is taken back before it throws, and what a crash cuts is taken back at the next start.
 * Throws PATH_ESCAPE, NOT_REGULAR_FILE or HARDLINK_REFUSED before anything is touched.
 */
export async function applyChange(
  dataset: string,
  change: Change,
  nowMs: number,
): Promise<Journal> {
  const planned: JournalStep[] = [];
  for (const [at, step] of change.steps.entries()) {
    await yieldAt(at);
    planned.push(planStep(dataset, step));
  }
  const { kind, argsHash } = change;
  const journal: Journal = {
    id: `change_${randomId()}`,
    kind,
    atMs: nowMs,
    argsHash,
    steps: planned,
  };
  const own = [changesFolder, journal.id];
  makeFolders(dataset, own);
  const folder = join(dataset, ...own);
  const applying = join(folder, "applying.json");
  writeFileAtomic(applying, JSON.stringify(journal));
  try {
    for (const [at, step] of change.steps.entries()) {
      await yieldAt(at);
      await perform(dataset, own, step, planned[at]);
    }
    for (const path of new Set(journal.steps.map((step) => foldersOf(step.path).join("/"))))
      syncFolder(join(dataset, path));
    renameSync(applying, join(folder, "applied.json"));
    syncFolder(folder);
  } catch (error) {
    rollBack(dataset, journal);
    rmSync(folder, { recursive: true, force: true });
    throw diskFull(error);
  }
  forgetOldest(dataset);
  return journal;
}

function planStep(dataset: string, step: ChangeStep): JournalStep {
  const segments = step.path.split("/");
  const had = fileExists(dataset, segments);
  if (had) atFile(dataset, segments, refuseOddFile);
  else if (step.kind === "move")
    throw new AppError("CHANGE_CONFLICT", "A file went away meanwhile. Nothing was changed.", {
      hint: "Call again: the dataset is looked at anew.",
    });
  return { path: step.path, had, wrote: step.kind === "write" ? sha256Of(step.text) : null };
}

async function perform(
  dataset: string,
  own: readonly string[],
  step: ChangeStep,
  plan: JournalStep | undefined,
): Promise<void> {
  const segments = step.path.split("/");
  if (plan?.had === true) {
    const aside = [...own, asideFolder, ...segments];
    makeFolders(dataset, aside.slice(0, -1));
    atFile(dataset, segments, (from) => {
      refuseOddFile(from);
      atFile(dataset, aside, (to) => renameSync(from, to));
    });
  }
  if (step.kind === "move") return;
  const fresh = openFolderInside(dataset, own);
  try {
    const temporary = fresh.entry("new");
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(step.text);
      await file.datasync();
    } finally {
      await file.close();
    }
    if (fileExists(dataset, segments))
      throw new AppError("CHANGE_CONFLICT", "A file came meanwhile. Nothing was changed.", {
        hint: "Call again: the dataset is looked at anew.",
      });
    atFile(dataset, segments, (to) => renameSync(temporary, to));
  } finally {
    fresh.close();
  }
}

function foldersOf(path: string): string[] {
  return path.split("/").slice(0, -1);
}

/** Old changes of captions alone; files that were moved out are somebody's pictures and stay. */
function forgetOldest(dataset: string): void {
  for (const { journal, state } of listChanges(dataset).slice(limits.datasetChangesKept)) {
    const movedOut = journal.steps.some((step) => step.wrote === null);
    if (state === "undone" || (state === "applied" && !movedOut))
      rmSync(join(dataset, changesFolder, journal.id), { recursive: true, force: true });
  }
}

function diskFull(error: unknown): unknown {
  if ((error as { code?: unknown }).code !== "ENOSPC") return error;
  return new AppError("STORAGE_FULL", "The box's disk is full. Nothing was changed.", {
    hint: "Free some space on the box.",
    cause: error,
  });
}
