import { lstatSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stemOf } from "@trainyard/shared/dataset/dataset-image.ts";
import { fileKind, isSkippedFolder } from "@trainyard/shared/dataset/file-kinds.ts";
import {
  cachedStem,
  isStaleCache,
  latentCacheFolders,
} from "@trainyard/shared/dataset/latent-cache.ts";
import {
  isTrusted,
  readSizeManifest,
  sizeManifestKey,
  sizeManifestName,
  withoutEntries,
} from "@trainyard/shared/dataset/size-manifest.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { writeFileAtomic } from "../files/atomic-write.ts";
import type { Home } from "../home.ts";
import { refuseInUse } from "../jobs/in-use.ts";
import type { Supervisor } from "../jobs/supervisor.ts";
import { errorFields } from "../log.ts";
import type { Log } from "../log.ts";
import { openFolderInside } from "../safe-path.ts";
import { lookForDataset } from "./dataset-folder.ts";

/** A manifest of 200,000 files is smaller. */
const manifestBytes = 32 * 1024 * 1024;

interface Times {
  readonly bytes: number;
  readonly modifiedAtMs: number;
  readonly changedAtMs: number;
}

/**
 * Before a training: takes away what AI Toolkit would believe of images that are others now. Exactly the cached latents that are
 * older than the image of their name, and the sizes that would be trusted though the image changed after they were written. What is
 * still true stays: encoding a large dataset again takes minutes. Not while a job reads the dataset; it would miss its files.
 */
export function dropStaleCaches(dataset: string): {
  readonly latents: number;
  readonly sizes: number;
} {
  const found = { latents: 0, images: new Map<string, Times>() };
  visit(dataset, [], found);
  return { latents: found.latents, sizes: dropStaleSizes(dataset, found.images) };
}

function visit(
  dataset: string,
  segments: readonly string[],
  found: { latents: number; readonly images: Map<string, Times> },
): void {
  const folder = join(dataset, ...segments);
  const entries = readdirSync(folder, { withFileTypes: true });
  const newest = new Map<string, Times>();
  for (const entry of entries) {
    if (!entry.isFile() || entry.name.startsWith(".") || fileKind(entry.name) !== "image") continue;
    const stat = lstatSync(join(folder, entry.name), { throwIfNoEntry: false });
    if (stat === undefined) continue;
    const times = { bytes: stat.size, modifiedAtMs: stat.mtimeMs, changedAtMs: stat.ctimeMs };
    found.images.set([...segments, entry.name].join("/"), times);
    // `a.jpg` and `a.png` have caches of the same stem, and which is whose only the hash knows.
    const other = newest.get(stemOf(entry.name));
    if (other === undefined || other.changedAtMs < times.changedAtMs)
      newest.set(stemOf(entry.name), times);
  }
  for (const name of latentCacheFolders) {
    if (entries.some((entry) => entry.name === name && entry.isDirectory()))
      found.latents += dropFrom(dataset, [...segments, name], newest);
  }
  if (segments.length >= limits.datasetDepth) return;
  for (const entry of entries)
    if (entry.isDirectory() && !isSkippedFolder(entry.name))
      visit(dataset, [...segments, entry.name], found);
}

function dropFrom(
  dataset: string,
  segments: readonly string[],
  images: ReadonlyMap<string, Times>,
): number {
  const folder = openFolderInside(dataset, segments);
  let dropped = 0;
  try {
    for (const name of folder.names()) {
      const stem = cachedStem(name);
      const image = stem === null ? undefined : images.get(stem);
      if (image === undefined) continue;
      const stat = lstatSync(folder.entry(name), { throwIfNoEntry: false });
      if (stat?.isFile() !== true || !isStaleCache({ modifiedAtMs: stat.mtimeMs }, image)) continue;
      rmSync(folder.entry(name), { force: true });
      dropped += 1;
    }
  } finally {
    folder.close();
  }
  return dropped;
}

function dropStaleSizes(dataset: string, images: ReadonlyMap<string, Times>): number {
  const path = join(dataset, sizeManifestName);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true || stat.size > manifestBytes) return 0;
  const manifest = readSizeManifest(readFileSync(path, "utf8"));
  const lying = [...images].flatMap(([image, { bytes, modifiedAtMs, changedAtMs }]) => {
    const entry = manifest.entries[sizeManifestKey(image)];
    return changedAtMs > stat.mtimeMs && isTrusted(entry, bytes, modifiedAtMs) ? [image] : [];
  });
  const text = withoutEntries(manifest, lying);
  if (text === null) return 0;
  writeFileAtomic(path, text, stat.mode & 0o777);
  return lying.length;
}

/** Of every dataset that the document names and that no living job reads. What cannot be looked at does not stop a start. */
export function dropStaleCachesOf(
  document: Readonly<Record<string, unknown>>,
  box: {
    readonly home: Home;
    readonly log: Log;
    readonly supervisor: Pick<Supervisor, "liveUses">;
  },
): void {
  for (const reference of readAiToolkitDocument(document).datasets) {
    try {
      const place = lookForDataset(box.home, reference);
      if (place === null) continue;
      refuseInUse(place.folder, box);
      const dropped = dropStaleCaches(place.folder);
      if (dropped.latents + dropped.sizes > 0)
        box.log("info", "caches of replaced images were dropped", {
          path: place.virtualPath,
          ...dropped,
        });
    } catch (error) {
      if (error instanceof AppError) continue;
      box.log("warn", "the caches of a dataset were not looked at", errorFields(error));
    }
  }
}
