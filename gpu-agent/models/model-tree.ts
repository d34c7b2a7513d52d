import { opendir, realpath, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { limits } from "@trainyard/shared/limits.ts";
import { isInside } from "../safe-path.ts";

/** What a trainer, ComfyUI or an earlier server calls a model by its ending (peers 1.3). */
export const modelExtensions: ReadonlySet<string> = new Set([
  ".safetensors",
  ".ckpt",
  ".bin",
  ".pt",
  ".pth",
  ".gguf",
]);

export interface ModelTreeFile {
  readonly root: string;
  /** As it is reached through the root, links included. */
  readonly path: string;
  /** Below the root, with `/` on every system. */
  readonly relativePath: string;
  readonly name: string;
}

interface ModelTreeListing {
  readonly files: readonly ModelTreeFile[];
  /** Folders that hold a whole model: a `model_index.json` or a `config.json`. */
  readonly folders: readonly ModelTreeFile[];
  readonly missingRoots: readonly string[];
  /** Links that lead out of all roots; they are not followed. */
  readonly skippedLinks: number;
  /** Not everything was seen: too many entries, too deep, or the disk was too slow. */
  readonly limited: boolean;
}

interface FolderEntries {
  readonly modifiedAtMs: number;
  /** Read so soon after its last change that a later one in the same tick would not show. */
  readonly fresh: boolean;
  readonly files: readonly string[];
  readonly folders: readonly string[];
  readonly links: readonly string[];
  readonly isModel: boolean;
  readonly entries: number;
}

/** A file system may write times with a precision of two seconds. */
const freshMs = 2_500;
const modelMarks: ReadonlySet<string> = new Set(["model_index.json", "config.json"]);

/** Folders as they were read last, by path; a folder's own time says whether it changed. */
export interface ModelTree {
  list(roots: readonly string[]): Promise<ModelTreeListing>;
}

/**
 * Walks each root once and remembers its folders: a second walk costs one `stat` a folder. Links are followed inside the roots
 * only, each real folder once, so a loop ends.
 */
export function createModelTree(
  options: { readonly now?: () => number; readonly maxEntries?: number } = {},
): ModelTree {
  const { now = Date.now, maxEntries = limits.modelTreeEntries } = options;
  let known = new Map<string, FolderEntries>();

  return {
    async list(roots) {
      const walk = startWalk({ roots: await realRoots(roots), now, maxEntries, known });
      for (const root of roots) await walk.root(root);
      known = walk.seen;
      return walk.listing();
    },
  };
}

/** One for the process: whoever resolves a name profits from whoever listed before. */
export const modelTree = createModelTree();

async function realRoots(roots: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(roots.map((root) => realpath(root).catch(() => null)));
  return found.filter((root) => root !== null);
}

interface WalkState {
  /** Without links. */
  readonly roots: readonly string[];
  readonly now: () => number;
  readonly maxEntries: number;
  readonly known: ReadonlyMap<string, FolderEntries>;
}

function startWalk({ roots, now, maxEntries, known }: WalkState) {
  const seen = new Map<string, FolderEntries>();
  const visited = new Set<string>();
  const files: ModelTreeFile[] = [];
  const folders: ModelTreeFile[] = [];
  const missingRoots: string[] = [];
  const endsAtMs = now() + limits.modelTreeMs;
  let skippedLinks = 0;
  let entriesSeen = 0;
  let limited = false;

  const folder = async (root: string, path: string, depth: number): Promise<boolean> => {
    if (entriesSeen >= maxEntries || depth > limits.modelTreeDepth || now() > endsAtMs) {
      limited = true;
      return true;
    }
    const real = await realpath(path).catch(() => null);
    if (real === null || visited.has(real)) return real !== null;
    if (!roots.some((allowed) => isInside(allowed, real))) {
      skippedLinks += 1;
      return true;
    }
    visited.add(real);
    const room = maxEntries - entriesSeen;
    const entries = await readFolder(path, known.get(path) ?? null, now(), room);
    if (entries === null) return false;
    seen.set(path, entries);
    if (entries.entries > room) limited = true;
    entriesSeen += entries.entries;
    const place = (name: string): ModelTreeFile => ({
      root,
      path: join(path, name),
      relativePath: relative(root, join(path, name)).split(sep).join("/"),
      name,
    });
    files.push(...entries.files.map(place));
    if (entries.isModel && path !== root) {
      const parts = relative(root, path).split(sep);
      folders.push({ root, path, relativePath: parts.join("/"), name: parts.at(-1) ?? "" });
    }
    for (const name of entries.links) {
      const target = await linkTarget(join(path, name), roots);
      if (target === "file" && isModelFile(name)) files.push(place(name));
      else if (target === "folder") await folder(root, join(path, name), depth + 1);
      else if (target === "outside") skippedLinks += 1;
    }
    for (const name of entries.folders) await folder(root, join(path, name), depth + 1);
    return true;
  };

  return {
    seen,
    async root(root: string): Promise<void> {
      if (!(await folder(root, root, 0))) missingRoots.push(root);
    },
    listing: (): ModelTreeListing => ({ files, folders, missingRoots, skippedLinks, limited }),
  };
}

/** Null when it is no folder, or cannot be read. */
async function readFolder(
  path: string,
  known: FolderEntries | null,
  nowMs: number,
  room: number,
): Promise<FolderEntries | null> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isDirectory()) return null;
  if (known !== null && !known.fresh && known.modifiedAtMs === found.mtimeMs) return known;
  const files: string[] = [];
  const folders: string[] = [];
  const links: string[] = [];
  let isModel = false;
  let entries = 0;
  try {
    for await (const entry of await opendir(path, { bufferSize: 256 })) {
      if ((entries += 1) > room) break;
      if (entry.name.startsWith(".")) continue;
      if (entry.isSymbolicLink()) links.push(entry.name);
      else if (entry.isDirectory()) folders.push(entry.name);
      else if (entry.isFile()) {
        if (isModelFile(entry.name)) files.push(entry.name);
        else if (modelMarks.has(entry.name)) isModel = true;
      }
    }
  } catch {
    return null;
  }
  return {
    modifiedAtMs: found.mtimeMs,
    // What was cut short is not known.
    fresh: nowMs - found.mtimeMs < freshMs || entries > room,
    files,
    folders,
    links,
    isModel,
    entries,
  };
}

async function linkTarget(
  path: string,
  roots: readonly string[],
): Promise<"file" | "folder" | "outside" | "nothing"> {
  const real = await realpath(path).catch(() => null);
  if (real === null) return "nothing";
  if (!roots.some((root) => isInside(root, real))) return "outside";
  const found = await stat(real).catch(() => null);
  if (found?.isDirectory() === true) return "folder";
  return found?.isFile() === true ? "file" : "nothing";
}

export function isModelFile(name: string): boolean {
  return modelExtensions.has(extname(name).toLowerCase());
}
