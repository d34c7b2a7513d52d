import { basename } from "node:path";
import type { FileSource } from "@trainyard/shared/protocol/operations.ts";
import { attemptFiles } from "../home.ts";
import type { Home } from "../home.ts";
import { openInside } from "../safe-path.ts";
import type { OpenFile } from "../safe-path.ts";

export interface OpenSource extends OpenFile {
  readonly filename: string;
  readonly virtualPath: string;
  readonly root: string;
  readonly segments: readonly string[];
}

/** Opens what a link may read: a file below the outputs, an attempt's log, or a contact sheet. */
export function openSource(home: Home, source: FileSource): OpenSource {
  if (source.kind === "output") {
    const file = openInside(home.outputs, source.segments);
    return {
      ...file,
      filename: basename(file.path),
      virtualPath: ["outputs", ...source.segments].join("/"),
      root: home.outputs,
      segments: source.segments,
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
