import type { CleanerPlace } from "./clean-lines.ts";

/** Where one stream was left, and how to see that its file is still the same. */
export interface StreamPlace extends CleanerPlace {
  /** `bytesPrint` of the bytes before `offset`. */
  readonly print: string;
}

/** Where both files of an attempt were left; null for one that was not read yet. */
export interface LogCursor {
  readonly attempt: number;
  readonly stdout: StreamPlace | null;
  readonly stderr: StreamPlace | null;
}

/** So many bytes before a place tell whether the file was replaced under it. */
export const printedBytes = 64;

/** FNV-1a, 32 bits: not against forgery, which would only show its author their own log. */
export function bytesPrint(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(36);
}

/** Opaque to its holder, and short: an answer has little room. */
export function writeLogCursor({ attempt, stdout, stderr }: LogCursor): string {
  return ["log1", attempt.toString(36), writePlace(stdout), writePlace(stderr)].join(".");
}

/** Null for what is no cursor. */
export function readLogCursor(text: string): LogCursor | null {
  const [, attempt = "", stdout = "", stderr = ""] = cursor.exec(text) ?? [];
  if (attempt === "") return null;
  return {
    attempt: Number.parseInt(attempt, 36),
    stdout: readPlace(stdout),
    stderr: readPlace(stderr),
  };
}

function writePlace(place: StreamPlace | null): string {
  if (place === null) return "-";
  const row = place.row === null ? "" : place.row.toString(36);
  return `${place.offset.toString(36)}_${row}_${place.print}${place.inside ? "_i" : ""}`;
}

function readPlace(text: string): StreamPlace | null {
  if (text === "-") return null;
  const [offset = "0", row = "", print = "", inside] = text.split("_");
  return {
    offset: Number.parseInt(offset, 36),
    row: row === "" ? null : Number.parseInt(row, 36),
    print,
    inside: inside !== undefined,
  };
}

/** Ten digits of base 36 are below 2^53. */
const place = String.raw`-|[0-9a-z]{1,10}_[0-9a-z]{0,10}_[0-9a-z]{1,7}(?:_i)?`;
const cursor = new RegExp(String.raw`^log1\.([0-9a-z]{1,4})\.(${place})\.(${place})$`);
