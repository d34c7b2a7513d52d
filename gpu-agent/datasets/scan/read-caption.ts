import { readSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import type { CaptionFacts } from "@trainyard/shared/dataset/dataset-image.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { openInside } from "../../safe-path.ts";
import type { FoundFile } from "./walk.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The caption of an image, trimmed, from the file that was found for it; `undefined` when none was. */
export function readCaption(folder: string, found: FoundFile | undefined): CaptionFacts {
  if (found === undefined) return { state: "missing", text: "" };
  if (found.bytes > limits.captionBytes) return { state: "unreadable", text: "" };
  try {
    const text = readCaptionFile(folder, found.path).trim();
    return { state: text === "" ? "empty" : "filled", text };
  } catch (error) {
    if (error instanceof TypeError) return { state: "not-utf8", text: "" };
    if (error instanceof AppError || (error as { code?: unknown }).code !== undefined)
      return { state: "unreadable", text: "" };
    throw error;
  }
}

/** As it is, at most `captionBytes` of it. Throws TypeError for what is not UTF-8. */
export function readCaptionFile(folder: string, path: string): string {
  const file = openInside(folder, path.split("/"));
  try {
    const bytes = Buffer.alloc(Math.min(file.stat.size, limits.captionBytes));
    const count =
      bytes.byteLength === 0 ? 0 : readSync(file.descriptor, bytes, 0, bytes.byteLength, 0);
    return utf8.decode(bytes.subarray(0, count));
  } finally {
    file.close();
  }
}
