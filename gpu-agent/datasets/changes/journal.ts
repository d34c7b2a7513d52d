import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/**
 * One change to a dataset lies in `.trainyard/<id>/` of it, a folder that AI Toolkit does not walk into: the journal, under the
 * name of its state, and below `aside` every file that was moved out or replaced, at its old path. The journal is written
 * first and renamed last, so what a crash leaves says how to take it back.
 */
export const changesFolder = ".trainyard";
export const asideFolder = "aside";

const changeStates = ["applying", "applied", "undoing", "undone"] as const;
type ChangeState = (typeof changeStates)[number];

const journalSchema = z.object({
  id: z.string(),
  kind: z.enum(["repair", "captions"]),
  atMs: z.number(),
  /** Of the call that made it: the same call again is the same change. */
  argsHash: z.string(),
  steps: z.array(
    z.object({
      path: z.string().min(1),
      /** A file was there and lies aside now. */
      had: z.boolean(),
      /** SHA-256 of what was written in its place; null where nothing was. */
      wrote: z.string().nullable(),
    }),
  ),
});
export type Journal = z.infer<typeof journalSchema>;
export type JournalStep = Journal["steps"][number];

export interface KnownChange {
  readonly state: ChangeState;
  readonly journal: Journal;
}

const idPattern = /^change_[0-9a-hjkmnp-tv-z]{26}$/;

/** Null when there is none of that id, or its journal cannot be read. */
export function readChange(dataset: string, id: string): KnownChange | null {
  if (!idPattern.test(id)) return null;
  for (const state of changeStates) {
    const path = join(dataset, changesFolder, id, `${state}.json`);
    if (!existsSync(path)) continue;
    try {
      return { state, journal: journalSchema.parse(JSON.parse(readFileSync(path, "utf8"))) };
    } catch {
      return null;
    }
  }
  return null;
}

/** The newest first. */
export function listChanges(dataset: string): readonly KnownChange[] {
  const folder = join(dataset, changesFolder);
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder)
    .flatMap((id) => readChange(dataset, id) ?? [])
    .sort((a, b) => b.journal.atMs - a.journal.atMs || (a.journal.id < b.journal.id ? -1 : 1));
}
