import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseFilename, parseName } from "@trainyard/shared/names.ts";
import { plainPathInside } from "../safe-path.ts";
import type { OperationHandler } from "./operation-context.ts";

/** Where reports lie, below the outputs. */
const root = "reports";

/**
 * The files of one report, next to each other under one name; a name that is taken gets a number behind it. Never writes
 * over a file, follows no link, and leaves nothing behind when one of them cannot be written.
 */
export const writeReport: OperationHandler<"write-report"> = (args, { home }) => {
  const segments = [root, ...args.folder.map((segment) => parseName("output", segment))];
  const stem = parseFilename(args.name);
  for (let depth = 1; depth <= segments.length; depth += 1) {
    mkdirPlain(plainPathInside(home.outputs, segments.slice(0, depth)));
  }
  for (let copy = 1; copy <= limits.reportCopies; copy += 1) {
    const name = copy === 1 ? stem : `${stem}-${copy}`;
    const names = args.files.map(({ extension }) => `${name}.${extension}`);
    const paths = names.map((file) => plainPathInside(home.outputs, [...segments, file]));
    if (writeAll(paths, args.files)) {
      return { paths: names.map((file) => ["outputs", ...segments, file].join("/")) };
    }
  }
  throw new AppError("NAME_CONFLICT", "There are too many reports of this name on the box.", {
    hint: "Give another filename_prefix or output_dir.",
  });
};

function mkdirPlain(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw full(error);
  }
}

/** False when one of the names is taken. */
function writeAll(paths: readonly string[], files: readonly { readonly text: string }[]): boolean {
  const written: string[] = [];
  try {
    for (const [at, path] of paths.entries()) {
      const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
      const descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      written.push(path);
      try {
        const bytes = Buffer.from(files[at]?.text ?? "");
        for (let done = 0; done < bytes.byteLength;) done += writeSync(descriptor, bytes, done);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    }
    return true;
  } catch (error) {
    for (const path of written) unlinkSync(path);
    if (codeOf(error) === "EEXIST") return false;
    throw full(error);
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code);
}

function full(error: unknown): unknown {
  if (!["ENOSPC", "EDQUOT", "EFBIG"].includes(codeOf(error))) return error;
  return new AppError("STORAGE_FULL", "The box's disk is full.", {
    hint: "Free some space, or take the report by its link.",
    cause: error,
  });
}
