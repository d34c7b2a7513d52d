import { basename } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import type { FileSource } from "@trainyard/shared/protocol/operations/files.ts";
import { attemptFiles } from "../home.ts";
import type { Home } from "../home.ts";
import { openInside } from "../safe-path.ts";
import { findInTrash, restorableUntil } from "./trash.ts";
import type { OpenFile } from "../safe-path.ts";
import type { OutputPlace } from "../trainers/trainer.ts";

export interface OpenSource extends OpenFile {
  readonly filename: string;
  readonly virtualPath: string;
  readonly root: string;
  readonly segments: readonly string[];
}

/** Where the folder of that name below the outputs really lies; null where that is no folder that may be read here. */
export type FindOutput = (name: string) => OutputPlace | null;

/** Opens what a link may read: a file below the outputs, an attempt's log, or a contact sheet. */
export function openSource(home: Home, source: FileSource, findOutput: FindOutput): OpenSource {
  if (source.kind === "output") {
    const { root, segments } = placedBelow(source.segments, findOutput);
    const file = openOutput(root, segments);
    return {
      ...file,
      filename: basename(file.path),
      virtualPath: ["outputs", ...source.segments].join("/"),
      root,
      segments,
    };
  }
  if (source.kind === "sheet") {
    attemptFiles(home, source.jobId, 1);
    const segments = [source.jobId, "sheets", source.name];
    return {
      ...openInside(home.jobs, segments),
      filename: `${source.jobId}-samples.jpg`,
      virtualPath: `samples/${source.jobId}/${source.name}`,
      root: home.jobs,
      segments,
    };
  }
  // Checks the id; the path itself is made from its parts below.
  attemptFiles(home, source.jobId, source.attempt);
  const segments = [source.jobId, String(source.attempt), `${source.stream}.log`];
  const file = openInside(home.jobs, segments);
  return {
    ...file,
    filename: `${source.jobId}-${source.attempt}-${source.stream}.log`,
    virtualPath: `logs/${source.jobId}/${source.attempt}/${source.stream}.log`,
    root: home.jobs,
    segments,
  };
}

/** What was deleted is not merely missing: it can be brought back for as long as the trash keeps it. */
function openOutput(root: string, segments: readonly string[]): OpenFile {
  try {
    return openInside(root, segments);
  } catch (error) {
    const entry =
      error instanceof AppError && error.code === "NOT_FOUND" ? findInTrash(root, segments) : null;
    if (entry === null) throw error;
    const until = restorableUntil(entry);
    throw new AppError(
      "NOT_FOUND",
      `That was deleted and lies in the box's trash until ${until.slice(0, 10)}.`,
      {
        hint: `undo-dataset-change with the change_id ${entry.id} brings it back.`,
        details: { change_id: entry.id, restorable_until: until },
        cause: error,
      },
    );
  }
}

/** The same file as a real root and what stands below it. Throws POLICY_DENIED. */
export function placedBelow(
  segments: readonly string[],
  findOutput: FindOutput,
): { readonly root: string; readonly segments: readonly string[] } {
  const [first = "", ...rest] = segments;
  const place = findOutput(first);
  if (place !== null) return { root: place.root, segments: [place.folder, ...rest] };
  throw new AppError("POLICY_DENIED", "The files of that job cannot be read on this box.", {
    hint: "They lie where AI Toolkit's Web UI put them: name that training folder in ai_toolkit_ui_roots of the box's policy.json, if it is on the box at all.",
  });
}

const mediaTypes: Readonly<Record<string, string>> = {
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  gif: "image/gif",
  mp4: "video/mp4",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  txt: "text/plain; charset=utf-8",
  log: "text/plain; charset=utf-8",
  json: "application/json",
  jsonl: "application/json",
  yaml: "text/plain; charset=utf-8",
};

export function mediaTypeOf(filename: string): string {
  return (
    mediaTypes[filename.slice(filename.lastIndexOf(".") + 1).toLowerCase()] ??
    "application/octet-stream"
  );
}
