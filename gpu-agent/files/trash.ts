import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { randomId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { foldName } from "@trainyard/shared/names.ts";
import { openFolderInside, pathInside } from "../safe-path.ts";
import { writeFileAtomic } from "./atomic-write.ts";

/**
 * What was deleted below one root lies in `.trash/<id>/` of that root: always the same disk, so one rename moves it, whatever
 * its size. `entry.json` is written before the rename; an entry without its content came back, or never came. So a thing is in its place or in the trash, never in neither.
 */
export interface TrashEntry {
  readonly id: string;
  /** Where it was, as segments below the root. */
  readonly segments: readonly string[];
  readonly deletedAtMs: number;
  /** Its owner wanted it gone: what a crash left of it goes at the next start. */
  readonly purge: boolean;
}

const entrySchema = z.object({
  id: z.string(),
  segments: z.array(z.string().min(1)).min(1),
  deletedAtMs: z.number(),
  purge: z.boolean(),
});

const trashName = ".trash";
const entryFile = "entry.json";
const contentName = "content";
const idPattern = /^change_[0-9a-hjkmnp-tv-z]{26}$/;

/** Throws NOT_FOUND, PATH_ESCAPE, or NOT_MOVABLE when it is a disk of its own. */
export function moveToTrash(
  root: string,
  segments: readonly string[],
  options: { readonly nowMs: number; readonly purge?: boolean },
): TrashEntry {
  const name = segments.at(-1) ?? "";
  const entry: TrashEntry = {
    id: `change_${randomId()}`,
    segments,
    deletedAtMs: options.nowMs,
    purge: options.purge ?? false,
  };
  const parent = openFolderInside(root, segments.slice(0, -1));
  try {
    if (lstatSync(parent.entry(name), { throwIfNoEntry: false }) === undefined) throw gone();
    makeFolder(root, [], trashName);
    makeFolder(root, [trashName], entry.id);
    const place = openFolderInside(root, [trashName, entry.id]);
    try {
      writeFileAtomic(place.entry(entryFile), JSON.stringify(entry));
      move(parent.entry(name), place.entry(contentName));
      place.sync();
      parent.sync();
    } finally {
      place.close();
    }
    return entry;
  } catch (error) {
    if (!hasContent(root, entry.id)) removeEntry(root, entry.id);
    throw error;
  } finally {
    parent.close();
  }
}

/** Whole entries, the newest first. One that cannot be read is left where it is and not listed. */
export function listTrash(root: string): readonly TrashEntry[] {
  return entryIds(root)
    .flatMap((id) => {
      const entry = readEntry(root, id);
      return entry !== null && hasContent(root, id) ? [entry] : [];
    })
    .sort((a, b) => b.deletedAtMs - a.deletedAtMs || (a.id < b.id ? -1 : 1));
}

/** The newest deletion that took this path along and can be taken back; null where there is none. */
export function findInTrash(root: string, segments: readonly string[]): TrashEntry | null {
  const took = (entry: TrashEntry): boolean => {
    if (entry.purge || entry.segments.some((segment, at) => segments[at] !== segment)) return false;
    const below = segments.slice(entry.segments.length);
    const path = pathInside(root, [trashName, entry.id, contentName, ...below]);
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  };
  return listTrash(root).find(took) ?? null;
}

export function restorableUntil(entry: TrashEntry): string {
  return new Date(entry.deletedAtMs + limits.trashKeepMs).toISOString();
}

/**
 * Puts it back where it was; `already` when it is back there already. Throws CHANGE_NOT_FOUND, or NAME_CONFLICT when something
 * else is there now.
 */
export function restoreFromTrash(
  root: string,
  id: string,
): { readonly entry: TrashEntry; readonly already: boolean } {
  const entry = idPattern.test(id) ? readEntry(root, id) : null;
  if (entry === null || entry.purge) throw notInTrash();
  const name = entry.segments.at(-1) ?? "";
  const folders = entry.segments.slice(0, -1);
  if (!hasContent(root, id)) {
    if (lstatSync(pathInside(root, entry.segments), { throwIfNoEntry: false }) === undefined)
      throw notInTrash();
    return { entry, already: true };
  }
  for (const [depth, folder] of folders.entries())
    makeFolder(root, folders.slice(0, depth), folder);
  const parent = openFolderInside(root, folders);
  const place = openFolderInside(root, [trashName, id]);
  try {
    // On some file systems a name in other case is the same name.
    if (parent.names().some((other) => foldName(other) === foldName(name))) {
      throw new AppError("NAME_CONFLICT", "Something else has its name by now.", {
        hint: "Delete or rename that first; the trash keeps this one meanwhile.",
      });
    }
    move(place.entry(contentName), parent.entry(name));
    parent.sync();
    place.sync();
  } finally {
    place.close();
    parent.close();
  }
  return { entry, already: false };
}

/** Takes an entry away for good. A crash on the way leaves a purge that the next sweep ends. */
export async function purgeTrash(root: string, id: string): Promise<void> {
  const entry = readEntry(root, id);
  if (entry === null) return;
  const place = join(root, trashName, id);
  if (!entry.purge)
    writeFileAtomic(join(place, entryFile), JSON.stringify({ ...entry, purge: true }));
  await rm(join(place, contentName), { recursive: true, force: true });
  await rm(place, { recursive: true, force: true });
}

/** Ends what is older than it is kept, and what was to be purged. Resolves to how many things went. */
export async function sweepTrash(root: string, nowMs: number): Promise<number> {
  let swept = 0;
  for (const id of entryIds(root)) {
    const entry = readEntry(root, id);
    const isOld = entry !== null && nowMs - entry.deletedAtMs >= limits.trashKeepMs;
    if (!hasContent(root, id)) {
      // Brought back, or never come: an entry is kept as long for whoever asks a second time.
      if (entry === null || isOld) removeEntry(root, id);
    } else if (isOld || entry?.purge === true) {
      await purgeTrash(root, id);
      swept += 1;
    }
    // One that cannot be read may hold somebody's pictures: it stays.
  }
  return swept;
}

function entryIds(root: string): readonly string[] {
  const path = join(root, trashName);
  if (!(lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && idPattern.test(entry.name))
    .map((entry) => entry.name);
}

function readEntry(root: string, id: string): TrashEntry | null {
  try {
    const text = readFileSync(join(root, trashName, id, entryFile), "utf8");
    return entrySchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function hasContent(root: string, id: string): boolean {
  const path = join(root, trashName, id, contentName);
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Of an entry without content. */
function removeEntry(root: string, id: string): void {
  rmSync(join(root, trashName, id), { recursive: true, force: true });
}

function makeFolder(root: string, segments: readonly string[], name: string): void {
  const parent = openFolderInside(root, segments);
  try {
    mkdirSync(parent.entry(name), { recursive: true, mode: 0o700 });
    parent.sync();
  } finally {
    parent.close();
  }
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT") throw gone();
    if (code !== "EXDEV" && code !== "EBUSY") throw error;
    throw new AppError("NOT_MOVABLE", "It is a disk of its own and cannot be moved to the trash.", {
      hint: "Take its files away by hand, or unmount it first.",
      cause: error,
    });
  }
}

function notInTrash(): AppError {
  return new AppError("CHANGE_NOT_FOUND", "The trash has nothing of that id.", {
    hint: `What is deleted is kept for ${limits.trashKeepMs / 86_400_000} days.`,
  });
}

function gone(): AppError {
  return new AppError("NOT_FOUND", "It is not there any more.", { hint: "List again." });
}
