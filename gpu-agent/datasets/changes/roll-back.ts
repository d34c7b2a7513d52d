import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { syncFolder } from "../../files/atomic-write.ts";
import { yieldAt } from "./in-turn.ts";
import { asideFolder, changesFolder, listChanges, readChange } from "./journal.ts";
import type { Journal, JournalStep } from "./journal.ts";
import { atFile, fileExists, hashOf, makeFolders } from "./place.ts";

/**
 * Puts every file back that the change moved or replaced, and takes away what it wrote, last step first. It looks at what is there
 * and not at how far the change came, so it may be cut and begun again. Returns the paths that somebody else changed since:
 * those stay as they are, and what was theirs stays aside.
 */
export function rollBack(dataset: string, journal: Journal): readonly string[] {
  const others: string[] = [];
  for (const step of journal.steps.toReversed())
    if (!takeBack(dataset, journal.id, step)) others.push(step.path);
  syncFolders(dataset, journal);
  return others;
}

function syncFolders(dataset: string, { steps }: Journal): void {
  const folders = new Set(steps.map(({ path }) => path.split("/").slice(0, -1).join("/")));
  for (const folder of folders) syncFolder(join(dataset, folder));
}

function takeBack(dataset: string, id: string, { path, had, wrote }: JournalStep): boolean {
  const segments = path.split("/");
  const aside = [changesFolder, id, asideFolder, ...segments];
  const isThere = fileExists(dataset, segments);
  const isOurs = isThere && wrote !== null && hashOf(dataset, segments) === wrote;
  if (had) {
    // Never moved, or back already.
    if (!fileExists(dataset, aside)) return true;
    if (isThere && !isOurs) return false;
    makeFolders(dataset, segments.slice(0, -1));
    atFile(dataset, aside, (from) => atFile(dataset, segments, (to) => renameSync(from, to)));
    return true;
  }
  if (isOurs) atFile(dataset, segments, (file) => rmSync(file));
  return isOurs || !isThere;
}

/**
 * Takes an applied change back, all of it or nothing. `already` when that was done before. Throws CHANGE_NOT_FOUND, or
 * CHANGE_CONFLICT when a file is no longer as the change left it.
 */
export async function undoChange(
  dataset: string,
  id: string,
): Promise<{ readonly journal: Journal; readonly already: boolean }> {
  const known = readChange(dataset, id);
  if (known === null || known.state === "applying") {
    throw new AppError("CHANGE_NOT_FOUND", "There is no change of that id to take back.", {
      hint: "Call undo-dataset-change without change_id for what there is.",
    });
  }
  const { journal, state } = known;
  if (state === "undone") return { journal, already: true };
  const changed = state === "applied" ? await changedSince(dataset, journal) : [];
  if (changed.length > 0) {
    throw new AppError("CHANGE_CONFLICT", "Files were changed since. Nothing was taken back.", {
      hint: "Take a later change back first, or put these files as they were.",
      details: { files: changed.slice(0, filesShown), count: changed.length },
    });
  }
  const folder = join(dataset, changesFolder, id);
  const undoing = join(folder, "undoing.json");
  if (state === "applied") renameSync(join(folder, "applied.json"), undoing);
  for (const [at, step] of journal.steps.toReversed().entries()) {
    await yieldAt(at);
    takeBack(dataset, id, step);
  }
  syncFolders(dataset, journal);
  conclude(folder, "undoing");
  return { journal, already: false };
}

const filesShown = 10;

/** Paths that are not as the change left them. */
export async function changedSince(dataset: string, { id, steps }: Journal): Promise<string[]> {
  const changed: string[] = [];
  for (const [at, { path, had, wrote }] of steps.entries()) {
    await yieldAt(at);
    const segments = path.split("/");
    const kept = !had || fileExists(dataset, [changesFolder, id, asideFolder, ...segments]);
    const asLeft =
      wrote === null ? !fileExists(dataset, segments) : hashOf(dataset, segments) === wrote;
    if (!kept || !asLeft) changed.push(path);
  }
  return changed;
}

/** What a crash cut is taken back: a change that was not applied to its end never was, and an undo goes to its end. */
export function recoverChanges(dataset: string): number {
  let recovered = 0;
  for (const { state, journal } of listChanges(dataset)) {
    if (state !== "applying" && state !== "undoing") continue;
    const others = rollBack(dataset, journal);
    const folder = join(dataset, changesFolder, journal.id);
    // What somebody put in a file's place stays there, and the file aside.
    if (state === "undoing" || others.length > 0) conclude(folder, state);
    else rmSync(folder, { recursive: true, force: true });
    recovered += 1;
  }
  return recovered;
}

function conclude(folder: string, from: "applying" | "undoing"): void {
  renameSync(join(folder, `${from}.json`), join(folder, "undone.json"));
  syncFolder(folder);
}
