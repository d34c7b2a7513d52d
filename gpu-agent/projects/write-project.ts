import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { randomId } from "@trainyard/shared/ids.ts";
import { syncFolder } from "../files/atomic-write.ts";
import { openFolderInside, plainPathInside } from "../safe-path.ts";
import type { ProjectPlace } from "./project-place.ts";

/** Of what a project was made, beside its files: the same call again finds it. */
const markFile = join("config", ".generated.json");

/**
 * The project is there whole or not at all: it is written beside its place and renamed. False when the very same was made before.
 * Throws NAME_CONFLICT for anything else in its place.
 */
export function writeProject(
  place: ProjectPlace,
  files: ReadonlyMap<string, string | Uint8Array>,
  print: string,
): boolean {
  const parents = place.segments.slice(0, -1);
  mkdirSync(plainPathInside(place.root, parents), { recursive: true, mode: 0o700 });
  if (printOf(place.folder) === print) return false;
  const temporary = `.new-${randomId()}`;
  const parent = openFolderInside(place.root, parents);
  try {
    const work = parent.entry(temporary);
    try {
      for (const [path, content] of [...files, [markFile, JSON.stringify({ print })] as const])
        writeFile(join(work, path), content);
      if (parent.names().includes(place.segments.at(-1) ?? "")) throw isThere();
      renameSync(work, parent.entry(place.segments.at(-1) ?? ""));
    } catch (error) {
      rmSync(work, { recursive: true, force: true });
      if (["ENOTEMPTY", "EEXIST"].includes(String((error as { code?: unknown }).code)))
        throw isThere();
      throw error;
    }
    parent.sync();
  } finally {
    parent.close();
  }
  return true;
}

function writeFile(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const descriptor = openSync(path, "wx", 0o600);
  try {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    for (let at = 0; at < bytes.byteLength;) at += writeSync(descriptor, bytes, at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  syncFolder(dirname(path));
}

function printOf(folder: string): string | null {
  try {
    const mark: unknown = JSON.parse(readFileSync(join(folder, markFile), "utf8"));
    return typeof mark === "object" &&
      mark !== null &&
      "print" in mark &&
      typeof mark.print === "string"
      ? mark.print
      : null;
  } catch {
    return null;
  }
}

function isThere(): AppError {
  return new AppError(
    "NAME_CONFLICT",
    "There is something of that name already. Nothing was written.",
    {
      hint: "Choose another project_name or output_dir.",
      details: { field: "project_name" },
    },
  );
}
