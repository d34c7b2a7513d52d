import { createHash } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { SkippedFile } from "@trainyard/shared/dataset/dataset-image.ts";
import { stemOf } from "@trainyard/shared/dataset/dataset-image.ts";
import { extensionOf, fileKind, isSkippedFolder } from "@trainyard/shared/dataset/file-kinds.ts";
import { limits } from "@trainyard/shared/limits.ts";

/** A file by what tells that it is still the same. */
export interface FoundFile {
  /** Below the dataset's folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
  /** A copy can set its time back, never this one. */
  readonly changedAtMs: number;
}

export interface FoundTree {
  /** By path. */
  readonly images: readonly FoundFile[];
  /** `.txt` files by what they share with their image: the path without its extension. */
  readonly captions: ReadonlyMap<string, FoundFile>;
  readonly skipped: readonly SkippedFile[];
  /** By path: what language models train on. */
  readonly tables: readonly FoundFile[];
  readonly videos: number;
  readonly sounds: number;
  readonly notTrained: Readonly<Record<string, number>>;
  readonly otherCaptions: Readonly<Record<string, number>>;
  /** Of all files that lie there. */
  readonly totalBytes: number;
  readonly modifiedAtMs: number;
  /** SHA-256 over the names, sizes and times of images and captions. */
  readonly fingerprint: string;
  /** There are more entries than are looked at. */
  readonly cut: boolean;
}

/** As AI Toolkit walks it: every folder but those with a dot in front and its own. Nothing is opened, no link followed. */
export function walkDataset(folder: string): FoundTree {
  const images: FoundFile[] = [];
  const captions = new Map<string, FoundFile>();
  const tables: FoundFile[] = [];
  const skipped: SkippedFile[] = [];
  const notTrained: Record<string, number> = {};
  const otherCaptions: Record<string, number> = {};
  const counts = { videos: 0, sounds: 0, totalBytes: 0, modifiedAtMs: 0, entries: 0 };
  let cut = false;

  const file = (path: string, name: string): void => {
    const kind = fileKind(name);
    const stat = lstatSync(join(folder, path), { throwIfNoEntry: false });
    if (stat === undefined) return;
    counts.totalBytes += stat.size;
    if (kind === "other") return;
    counts.modifiedAtMs = Math.max(counts.modifiedAtMs, stat.mtimeMs);
    const found = { path, bytes: stat.size, modifiedAtMs: stat.mtimeMs, changedAtMs: stat.ctimeMs };
    const extension = extensionOf(name);
    if (kind === "video") counts.videos += 1;
    else if (kind === "sound") counts.sounds += 1;
    else if (kind === "not-trained") notTrained[extension] = (notTrained[extension] ?? 0) + 1;
    else if (kind === "other-caption")
      otherCaptions[extension] = (otherCaptions[extension] ?? 0) + 1;
    else if (stat.nlink > 1) skipped.push({ path, code: "HARDLINK_REFUSED" });
    else if (kind === "image") images.push(found);
    else if (kind === "table") tables.push(found);
    // The toolkit asks for `.txt` as it is written, and a file system of Linux knows the difference.
    else if (name.endsWith(".txt")) captions.set(stemOf(path), found);
  };

  const walk = (below: string, depth: number): void => {
    const entries = readdirSync(join(folder, below), { withFileTypes: true });
    for (const entry of entries) {
      counts.entries += 1;
      if (counts.entries > limits.datasetEntries) {
        cut = true;
        return;
      }
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        if (isSkippedFolder(entry.name)) continue;
        if (depth < limits.datasetDepth) walk(path, depth + 1);
        else cut = true;
      } else if (entry.name.startsWith(".")) continue;
      else if (entry.isFile()) file(path, entry.name);
      else if (entry.isSymbolicLink()) skipped.push({ path, code: "PATH_ESCAPE" });
      else skipped.push({ path, code: "NOT_REGULAR_FILE" });
    }
  };
  walk("", 0);

  const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);
  images.sort(byPath);
  tables.sort(byPath);
  skipped.sort(byPath);
  return {
    images,
    captions,
    skipped,
    tables,
    videos: counts.videos,
    sounds: counts.sounds,
    notTrained,
    otherCaptions,
    totalBytes: counts.totalBytes,
    modifiedAtMs: Math.max(counts.modifiedAtMs, lstatSync(folder).mtimeMs),
    fingerprint: printOf(images, captions),
    cut,
  };
}

function printOf(images: readonly FoundFile[], captions: ReadonlyMap<string, FoundFile>): string {
  const print = createHash("sha256");
  for (const image of images) {
    const caption = captions.get(stemOf(image.path));
    for (const file of caption === undefined ? [image] : [image, caption])
      print.update(`${file.path}\0${file.bytes}\0${Math.trunc(file.modifiedAtMs)}\n`);
  }
  return print.digest("hex");
}
