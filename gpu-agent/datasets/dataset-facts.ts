import { createHash } from "node:crypto";
import { opendirSync, readFileSync, statSync } from "node:fs";
import { join, parse } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { foldName, parseDatasetFolder } from "@trainyard/shared/names.ts";
import type { DatasetFacts } from "@trainyard/shared/protocol/operations.ts";
import type { Home } from "../home.ts";
import { plainPathInside } from "../safe-path.ts";

export interface DatasetScan extends Omit<DatasetFacts, "reference" | "name"> {
  readonly modifiedAtMs: number | null;
  readonly missingCaptions: readonly string[];
}

const imageSuffixes = new Set([".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".avif"]);
/** A caption this long is no caption; only whether it is empty is asked here. */
const captionBytesRead = 64 * 1024;

/** A reference that no dataset could have is a fact too: `name` is null. */
export function datasetFacts(home: Home, reference: string, maxFiles: number): DatasetFacts {
  let name: string;
  try {
    name = parseDatasetFolder(reference);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { reference, name: null, ...withoutDetails(nothing) };
  }
  return { reference, name, ...withoutDetails(scanDataset(home, name, maxFiles)) };
}

/** `.DS_Store`, `._x` and `Thumbs.db` are neither pictures nor captions; folders below are not looked into. */
export function scanDataset(home: Home, name: string, maxFiles: number): DatasetScan {
  const folder = plainPathInside(home.datasets, [name]);
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return nothing;
  if (!stat.isDirectory()) return { ...nothing, exists: true };

  const files: { name: string; bytes: number; modifiedAtMs: number }[] = [];
  let scanLimited = false;
  const directory = opendirSync(folder);
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if (!entry.isFile() || entry.name.startsWith(".")) continue;
      if (files.length >= maxFiles) {
        scanLimited = true;
        break;
      }
      const { size, mtimeMs } = statSync(join(folder, entry.name));
      files.push({ name: entry.name, bytes: size, modifiedAtMs: mtimeMs });
    }
  } finally {
    directory.closeSync();
  }
  files.sort((a, b) => (a.name < b.name ? -1 : 1));

  const captions = new Map(
    files
      .filter((file) => isCaption(file.name))
      .map((file) => [foldName(parse(file.name).name), file]),
  );
  const images = files.filter((file) => imageSuffixes.has(parse(file.name).ext.toLowerCase()));
  const missing: string[] = [];
  let captioned = 0;
  let emptyCaptions = 0;
  for (const image of images) {
    const caption = captions.get(foldName(parse(image.name).name));
    if (caption === undefined) missing.push(image.name);
    else if (isBlank(join(folder, caption.name), caption.bytes)) emptyCaptions += 1;
    else captioned += 1;
  }
  const print = createHash("sha256");
  for (const file of files)
    print.update(`${file.name}\0${file.bytes}\0${Math.trunc(file.modifiedAtMs)}\n`);
  return {
    exists: true,
    isDirectory: true,
    images: images.length,
    captioned,
    emptyCaptions,
    totalBytes: files.reduce((sum, file) => sum + file.bytes, 0),
    fingerprint: print.digest("hex"),
    scanLimited,
    modifiedAtMs: files.reduce((latest, file) => Math.max(latest, file.modifiedAtMs), stat.mtimeMs),
    missingCaptions: missing,
  };
}

const nothing: DatasetScan = {
  exists: false,
  isDirectory: false,
  images: 0,
  captioned: 0,
  emptyCaptions: 0,
  totalBytes: 0,
  fingerprint: null,
  scanLimited: false,
  modifiedAtMs: null,
  missingCaptions: [],
};

function withoutDetails({ modifiedAtMs: _at, missingCaptions: _missing, ...facts }: DatasetScan) {
  return facts;
}

function isCaption(name: string): boolean {
  return name.toLowerCase().endsWith(".txt");
}

function isBlank(path: string, bytes: number): boolean {
  return bytes <= captionBytesRead && readFileSync(path, "utf8").trim() === "";
}
