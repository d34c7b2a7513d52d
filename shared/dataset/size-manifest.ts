/**
 * `.aitk_size.json`, the sizes that AI Toolkit remembers of a dataset (commit 27a03a91, toolkit/data_loader.py): version, and
 * per file `[width, height, "<bytes>:<whole seconds of mtime>"]` under its path with a `/` in front. Trainyard does not write it:
 * the toolkit rewrites it at every load. It only takes out what would lie.
 */
export const sizeManifestName = ".aitk_size.json";
const sizeManifestVersion = "0.1.2";

export interface SizeManifest {
  /** False for another version or for what cannot be read: the toolkit makes all of it anew. */
  readonly current: boolean;
  readonly entries: Readonly<Record<string, unknown>>;
}

export function readSizeManifest(text: string): SizeManifest {
  const unusable: SizeManifest = { current: false, entries: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unusable;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return unusable;
  const { __version__: version, ...entries } = value as Record<string, unknown>;
  return { current: version === sizeManifestVersion, entries };
}

export function sizeManifestKey(path: string): string {
  return `/${path}`;
}

/** How the toolkit tells that a file is the one it measured. */
function sizeSignature(bytes: number, modifiedAtMs: number): string {
  return `${bytes}:${Math.trunc(modifiedAtMs / 1_000)}`;
}

/** Whether the toolkit would take this entry's sizes for the file. */
export function isTrusted(entry: unknown, bytes: number, modifiedAtMs: number): boolean {
  return (
    Array.isArray(entry) && entry.length >= 3 && entry[2] === sizeSignature(bytes, modifiedAtMs)
  );
}

/** The manifest without these files, as text; null when it holds none of them. */
export function withoutEntries(manifest: SizeManifest, paths: readonly string[]): string | null {
  if (!manifest.current) return null;
  const gone = new Set(paths.map(sizeManifestKey));
  const left = Object.entries(manifest.entries).filter(([key]) => !gone.has(key));
  if (left.length === Object.keys(manifest.entries).length) return null;
  return JSON.stringify({ __version__: sizeManifestVersion, ...Object.fromEntries(left) });
}
