import { readdirSync, statSync } from "node:fs";
import { basename, extname, join, resolve } from "node:path";
import { uploadKind, uploadKindsHint } from "@trainyard/shared/dataset/upload-kinds.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { parseFilename, parseName } from "@trainyard/shared/names.ts";
import { UsageError } from "../usage-error.ts";
import { shown } from "./progress-line.ts";

/** Of what a folder without a single file for a dataset holds. */
const leftOutNamed = 5;

export interface ChosenFile {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
}

interface LeftOut {
  readonly filename: string;
  readonly code: string;
  readonly message: string;
}

export interface Chosen {
  /** From the folder's or the archive's name; null where several files were named. */
  readonly dataset: string | null;
  readonly files: readonly ChosenFile[];
  readonly leftOut: readonly LeftOut[];
}

/** The files of a folder, or the files that were named. What a dataset cannot hold is left out and said. Throws UsageError. */
export function chooseFiles(paths: readonly string[]): Chosen {
  const [only] = paths;
  if (only === undefined) throw new UsageError("What is to be uploaded? Give a folder or files.");
  const found = paths.map((path) => ({ path, stat: statSync(path, { throwIfNoEntry: false }) }));
  for (const { path, stat } of found) {
    if (stat === undefined) throw new UsageError(`There is no file or folder ${path}.`);
  }
  if (paths.length === 1 && found[0]?.stat?.isDirectory() === true) return filesOf(only);
  const files: ChosenFile[] = [];
  for (const { path, stat } of found) {
    if (stat?.isFile() !== true) {
      throw new UsageError("Give one folder, or files: not several folders.");
    }
    files.push({ path, name: parseFilename(basename(path)), bytes: stat.size });
  }
  const isArchive = paths.length === 1 && extname(only).toLowerCase() === ".zip";
  return { dataset: isArchive ? basename(only, extname(only)) : null, files, leftOut: [] };
}

function filesOf(folder: string): Chosen {
  const files: ChosenFile[] = [];
  const leftOut: LeftOut[] = [];
  const entries = readdirSync(folder, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() !== true) {
      const message =
        stat?.isDirectory() === true
          ? "A folder: only the files beside it are taken."
          : "This is no plain file.";
      leftOut.push({ filename: entry.name, code: "NOT_REGULAR_FILE", message });
      continue;
    }
    if (uploadKind(entry.name) === null) {
      const message = `A dataset cannot hold a file of this kind. ${uploadKindsHint}`;
      leftOut.push({ filename: entry.name, code: "TYPE_REFUSED", message });
      continue;
    }
    try {
      files.push({ path, name: parseFilename(entry.name), bytes: stat.size });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      leftOut.push({ filename: entry.name, code: error.code, message: error.message });
    }
  }
  if (files.length === 0) throw new UsageError(nothingIn(folder, leftOut));
  return { dataset: basename(resolve(folder)), files, leftOut };
}

function nothingIn(folder: string, leftOut: readonly LeftOut[]): string {
  const named = leftOut.slice(0, leftOutNamed).map(({ filename }) => shown(filename));
  const rest = leftOut.length - named.length;
  const others = rest === 0 ? "" : `, and ${rest} more`;
  const what = leftOut.length === 0 ? "" : `; left out: ${named.join(", ")}${others}`;
  return `${folder} holds no file that a dataset takes${what}. ${uploadKindsHint}`;
}

/** The name for the dataset: the one that was given, else the folder's where it may be one. Throws UsageError. */
export function chooseDataset(given: string | undefined, chosen: Chosen): string {
  if (given !== undefined) return given;
  if (chosen.dataset === null) throw new UsageError("Which dataset? Give --dataset NAME.");
  try {
    return parseName("dataset", chosen.dataset);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new UsageError(
      `The folder's name cannot be the dataset's: ${error.message} Give --dataset NAME.`,
    );
  }
}
