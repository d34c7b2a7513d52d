import { realpath, stat } from "node:fs/promises";
import { isAbsolute, join, parse } from "node:path";
import { isInside } from "../safe-path.ts";
import { isModelFile, modelExtensions, modelTree } from "./model-tree.ts";
import type { ModelTree, ModelTreeFile } from "./model-tree.ts";

export type ModelResolution =
  /** `owner/name` on the Hugging Face hub: nothing on the box has that name, the trainer fetches it. */
  | { readonly kind: "hub"; readonly name: string }
  | { readonly kind: "file" | "folder"; readonly path: string }
  | {
      readonly kind: "missing";
      readonly reason: "not-found" | "outside-roots" | "not-a-name";
    }
  /** Several have that name; as many as a sentence can show. */
  | { readonly kind: "ambiguous"; readonly candidates: readonly string[] };

const candidatesShown = 10;

/**
 * Which file or folder of the box a config's `model_name` means, in the order of the earlier servers (peers 2.14): a path inside
 * a root, a path below a root, a hub id, and last whatever in the roots has that base name. A path outside every root is not looked
 * at. Never throws for a name.
 */
export async function resolveModel(
  name: string,
  roots: readonly string[],
  tree: ModelTree = modelTree,
): Promise<ModelResolution> {
  const wanted = name.trim();
  if (!isName(wanted)) return { kind: "missing", reason: "not-a-name" };
  if (isAbsolute(wanted)) return atPath(wanted, roots);

  const below = wanted.split("/").filter((segment) => segment !== ".");
  const tails = spellings(below.join("/"));
  const found = await Promise.all(
    roots.flatMap((root) => tails.map((tail) => atPath(join(root, tail), roots))),
  );
  const direct = found.flatMap((one) => (isThere(one) ? [one] : []));
  const [first] = direct;
  if (first !== undefined && direct.length === 1) return first;
  if (direct.length > 1) return among(direct.map(({ path }) => path));
  if (isHubId(wanted)) return { kind: "hub", name: wanted };
  return byBaseName(below, roots, tree);
}

type There = Extract<ModelResolution, { kind: "file" | "folder" }>;

function isThere(resolution: ModelResolution): resolution is There {
  return resolution.kind === "file" || resolution.kind === "folder";
}

/** A NUL ends a path early in the system call, `..` leads out of a root, a scheme or `\\host` is no path of this box. */
function isName(text: string): boolean {
  if (text === "" || text.length > 1_000 || text.includes("\0")) return false;
  if (/^[a-z][a-z0-9+.-]+:/i.test(text) || text.startsWith("\\\\") || text.startsWith("//"))
    return false;
  return !text.split(/[/\\]/).includes("..");
}

/** `owner/name`, as the hub has them; something that ends like a file is one. */
function isHubId(text: string): boolean {
  return /^[\w.-]{1,96}\/[\w.-]{1,96}$/.test(text) && !isModelFile(text);
}

/** A name may leave the ending out. */
function spellings(path: string): readonly string[] {
  return isModelFile(path)
    ? [path]
    : [path, ...[...modelExtensions].map((ending) => path + ending)];
}

async function atPath(path: string, roots: readonly string[]): Promise<ModelResolution> {
  const real = await realpath(path).catch(() => null);
  const allowed = await Promise.all(roots.map((root) => realpath(root).catch(() => null)));
  const isAllowed = (place: string): boolean =>
    allowed.some((root) => root !== null && isInside(root, place));
  if (real === null) {
    return {
      kind: "missing",
      reason: roots.some((root) => isInside(root, path)) ? "not-found" : "outside-roots",
    };
  }
  if (!isAllowed(real)) return { kind: "missing", reason: "outside-roots" };
  const found = await stat(real).catch(() => null);
  if (found?.isFile() === true) return { kind: "file", path };
  if (found?.isDirectory() === true) return { kind: "folder", path };
  return { kind: "missing", reason: "not-found" };
}

async function byBaseName(
  segments: readonly string[],
  roots: readonly string[],
  tree: ModelTree,
): Promise<ModelResolution> {
  const base = segments.at(-1) ?? "";
  const names = new Set(spellings(base));
  const { files, folders } = await tree.list(roots);
  const matches = [...files, ...folders].filter((entry) => names.has(entry.name));
  // `checkpoints/x.safetensors` says more than `x.safetensors`.
  const tail = `/${segments.join("/")}`;
  const nearer = matches.filter((entry) =>
    withoutEnding(`/${entry.relativePath}`).endsWith(withoutEnding(tail)),
  );
  const chosen: readonly ModelTreeFile[] = nearer.length > 0 ? nearer : matches;
  const isFolder = new Set<ModelTreeFile>(folders);
  const [only] = chosen;
  if (only === undefined) return { kind: "missing", reason: "not-found" };
  if (chosen.length === 1) return { kind: isFolder.has(only) ? "folder" : "file", path: only.path };
  return among(chosen.map(({ path }) => path));
}

function withoutEnding(path: string): string {
  const { dir, name } = parse(path);
  return isModelFile(path) ? `${dir}/${name}` : path;
}

/** Two ways to one and the same file are one file. */
async function among(paths: readonly string[]): Promise<ModelResolution> {
  const different = new Map<string, string>();
  for (const path of paths) {
    const found = await stat(path).catch(() => null);
    if (found === null) continue;
    const identity = `${found.dev}:${found.ino}`;
    if (!different.has(identity)) different.set(identity, path);
  }
  const left = [...different.values()];
  const [only] = left;
  if (only === undefined) return { kind: "missing", reason: "not-found" };
  if (left.length > 1) return { kind: "ambiguous", candidates: left.slice(0, candidatesShown) };
  const found = await stat(only);
  return { kind: found.isDirectory() ? "folder" : "file", path: only };
}
