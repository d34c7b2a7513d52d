import type { FileHashes } from "./hashes.ts";
import type { End } from "./upload-state.ts";

export type Phase =
  | { readonly kind: "waiting" | "reading" | "sending" | "looking" }
  | { readonly kind: "held"; readonly reason: "line" | "box" }
  /** Another file has that name: a person decides. */
  | { readonly kind: "asking" }
  | { readonly kind: "saved" | "there"; readonly end: End }
  | Refused;

interface Refused {
  readonly kind: "refused";
  readonly message: string;
  readonly hint: string | null;
  /** Trying again changes nothing. */
  readonly isFinal: boolean;
}

export interface Item {
  readonly file: File;
  name: string;
  phase: Phase;
  /** Of its bytes, those that were read or that went out. */
  doneBytes: number;
  replaces: boolean;
  again: boolean;
  hashes: FileHashes | null;
  readonly leaves: AbortController;
}

export function isSettled({ kind }: Phase): boolean {
  return kind === "saved" || kind === "there";
}

export function isMoving({ kind }: Phase): boolean {
  return kind === "reading" || kind === "sending" || kind === "looking" || kind === "held";
}

export function percent({ doneBytes, file }: Item): number {
  return file.size === 0 ? 100 : Math.floor((100 * doneBytes) / file.size);
}

/** What a person reads of a file. Text of the box stands behind our own. */
export function sentence(item: Item): string {
  const { phase } = item;
  switch (phase.kind) {
    case "waiting":
      return "Waiting";
    case "reading":
      return `Reading, ${percent(item)} %`;
    case "sending":
      return `Sending, ${percent(item)} %`;
    case "looking":
      return "The box is looking at it";
    case "held":
      return phase.reason === "box" ? "Waiting for the box" : "Waiting for the connection";
    case "asking":
      return "Another file there has this name.";
    case "saved":
      return `Saved${savedHow(phase.end, item.name)}`;
    case "there":
      return `There already${savedHow(phase.end, item.name)}`;
    case "refused":
      return `Not taken. ${phase.message}${phase.hint === null ? "" : ` ${phase.hint}`}`;
  }
}

/** Of an archive's files that were left out; the rest is a number. */
const skippedNamed = 5;

function savedHow({ archive, change, path }: End, name: string): string {
  if (archive !== undefined) {
    const { files_saved: files, skipped_total: skipped } = archive;
    const left = archive.skipped
      .slice(0, skippedNamed)
      .map(({ filename, message }) => `${filename}: ${message}`);
    if (skipped > left.length) left.push("…");
    return `: ${files} ${files === 1 ? "file" : "files"}${skipped === 0 ? "" : `; left out ${skipped}: ${left.join(" ")}`}`;
  }
  const stored = path?.split("/").at(-1);
  const as = stored === undefined || stored === name ? "" : ` as ${stored}`;
  if (change === "turned_upright") return `${as}, turned upright`;
  return typeof change === "string" && change.includes("_to_") ? `${as}, converted` : as;
}
