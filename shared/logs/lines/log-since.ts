import { AppError } from "../../errors.ts";
import { type LogCursor, readLogCursor } from "./log-cursor.ts";

/** From where on a log is wanted. */
export type LogSince =
  | { readonly kind: "start" }
  | { readonly kind: "cursor"; readonly cursor: LogCursor }
  /** Milliseconds since 1970. */
  | { readonly kind: "time"; readonly atMs: number }
  | { readonly kind: "ago"; readonly ms: number };

/** A cursor, `start`, an ISO time (UTC unless it names a zone) or a duration such as `90s`, `10m`, `1h30m`, `2d`. */
export function parseLogSince(text: string): LogSince {
  const given = text.trim();
  const cursor = readLogCursor(given);
  if (cursor !== null) return { kind: "cursor", cursor };
  if (given === "start" || given === "0") return { kind: "start" };
  const ago = duration.exec(given);
  if (ago !== null && given !== "") {
    const [, days = 0, hours = 0, minutes = 0, seconds = 0] = ago.map((part) => Number(part ?? 0));
    return { kind: "ago", ms: (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000 };
  }
  const [, day = "", time = "", zone = ""] = iso.exec(given) ?? [];
  const atMs = day === "" ? Number.NaN : Date.parse(`${day}T${time || "00:00"}${zone || "Z"}`);
  if (!Number.isNaN(atMs)) return { kind: "time", atMs };
  throw new AppError("INVALID_ARGUMENT", "since is no place in a log.", {
    hint: 'Give the cursor of the last answer, "start", a time such as 2026-01-31T12:00:00Z, or a duration such as 10m.',
    details: { field: "since" },
  });
}

/** The time that a line itself begins with, in milliseconds; `local` reads one without a zone. Null when there is none. */
export function readLineTime(
  text: string,
  local: (parts: readonly [number, number, number, number, number, number]) => number,
): number | null {
  const match = stamp.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = match
    .slice(1, 7)
    .map(Number);
  const zone = match[7];
  if (zone === undefined) return local([year, month, day, hours, minutes, seconds]);
  const offset = /^([+-])(\d\d):?(\d\d)$/.exec(zone);
  const ahead = offset
    ? (offset[1] === "-" ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3]))
    : 0;
  return Date.UTC(year, month - 1, day, hours, minutes, seconds) - ahead * 60_000;
}

const duration = /^(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/;
const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?$/;
/** `2026-01-31 12:00:00,123`, `[2026-01-31T12:00:00Z]`, `2026/01/31 12:00:00`. */
const stamp =
  /^\W{0,3}(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,]\d{1,9})?(Z|[+-]\d\d:?\d\d)?(?!\d)/;
