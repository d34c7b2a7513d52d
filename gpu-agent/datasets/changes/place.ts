import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { openFolderInside, openInside } from "../../safe-path.ts";

/** Runs the work with a path for one file of the dataset that leads nowhere else, whatever is swapped meanwhile. */
export function atFile<Result>(
  dataset: string,
  segments: readonly string[],
  work: (path: string) => Result,
): Result {
  const folder = openFolderInside(dataset, segments.slice(0, -1));
  try {
    return work(folder.entry(segments.at(-1) ?? ""));
  } finally {
    folder.close();
  }
}

export function fileExists(dataset: string, segments: readonly string[]): boolean {
  try {
    return atFile(
      dataset,
      segments,
      (path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined,
    );
  } catch (error) {
    if (error instanceof AppError && error.code === "NOT_FOUND") return false;
    throw error;
  }
}

/** A file that may be moved: no link, no pipe, no second name elsewhere. */
export function refuseOddFile(path: string): void {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink())
    throw new AppError("PATH_ESCAPE", "A file of the dataset is a link. Nothing was changed.", {
      hint: "Copy it into the folder instead of linking to it.",
    });
  if (!stat.isFile())
    throw new AppError(
      "NOT_REGULAR_FILE",
      "A file of the dataset is no plain file. Nothing was changed.",
      {
        hint: "Remove it on the box.",
      },
    );
  if (stat.nlink > 1)
    throw new AppError(
      "HARDLINK_REFUSED",
      "A file of the dataset has a second name elsewhere. Nothing was changed.",
      {
        hint: "Copy it, so that it has one name.",
      },
    );
}

/** Makes each folder on the way that is missing, below the dataset. */
export function makeFolders(dataset: string, segments: readonly string[]): void {
  for (const [depth, name] of segments.entries()) {
    const parent = openFolderInside(dataset, segments.slice(0, depth));
    try {
      mkdirSync(parent.entry(name), { recursive: true, mode: 0o700 });
    } finally {
      parent.close();
    }
  }
}

/** Null when it is not there or longer than any caption. */
export function hashOf(dataset: string, segments: readonly string[]): string | null {
  try {
    const file = openInside(dataset, segments);
    try {
      if (file.stat.size > limits.captionBytes) return null;
      const bytes = Buffer.alloc(file.stat.size);
      const count =
        bytes.byteLength === 0 ? 0 : readSync(file.descriptor, bytes, 0, bytes.byteLength, 0);
      return sha256Of(bytes.subarray(0, count));
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
