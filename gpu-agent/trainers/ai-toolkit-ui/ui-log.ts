import { limits } from "@trainyard/shared/limits.ts";
import type { UiLogAnswer } from "./ui-rows.ts";

/**
 * Where reading the UI's log stands. Its route gives text from a byte offset of ours to the file's end; it does not say whether
 * the file is still the same one, and a character that is half written at that moment comes as U+FFFD.
 */
export interface LogPlace {
  /** Byte of the file; all before it was taken. */
  readonly offset: number;
  /** The last characters taken, fetched a second time with the next question: another file is known by them. */
  readonly overlap: string;
}

export const logBegin: LogPlace = { offset: 0, overlap: "" };

export type LogTaken =
  /** `text` follows what was taken before. `lossy`: it holds bytes that are no UTF-8, which the route replaced. */
  | {
      readonly kind: "more";
      readonly text: string;
      readonly place: LogPlace;
      readonly lossy: boolean;
    }
  /** There is no such file, or it could not be read. */
  | { readonly kind: "absent" }
  /** Another file stands there: to be asked again from its beginning. */
  | { readonly kind: "replaced" }
  /** Only the end of a long file was given; so many bytes before it were not. */
  | {
      readonly kind: "end";
      readonly text: string;
      readonly place: LogPlace;
      readonly skippedBytes: number;
    };

const replacement = "\u{fffd}";
/** What the route says in the log's place when it cannot read the file. */
const unreadable = "Error reading log file";

export function offsetToAsk({ offset, overlap }: LogPlace): number {
  return offset - bytesOf(overlap);
}

/**
 * Takes an answer to a question from `offsetToAsk`. `final`: nothing more is being written, so the last bytes are taken as they
 * are. Byte for byte what the file holds, unless `lossy`.
 */
export function takeLog(place: LogPlace, answer: UiLogAnswer, final: boolean): LogTaken {
  if (answer.reset) {
    if (answer.offset === 0 && (answer.log === "" || answer.log === unreadable))
      return { kind: "absent" };
    // Ours lies behind its end: the file was begun anew.
    return { kind: "replaced" };
  }
  const from = offsetToAsk(place);
  if (answer.offset < from || !answer.log.startsWith(place.overlap)) return { kind: "replaced" };
  const given = answer.log.slice(place.overlap.length);
  const givenBytes = answer.offset - place.offset;
  const { text, held } = final ? { text: given, held: 0 } : withoutHalf(given, givenBytes);
  const takenBytes = givenBytes - held;
  const lossy = bytesOf(text) !== takenBytes;
  return {
    kind: "more",
    text,
    lossy,
    place: {
      offset: place.offset + takenBytes,
      // Of replaced bytes nobody knows how many they were.
      overlap: lossy ? "" : overlapOf(place.overlap + text),
    },
  };
}

/** Takes the answer to a question without an offset: the log's last 5 MiB, from the beginning of a line. */
export function takeLogEnd({ log, offset }: UiLogAnswer): LogTaken {
  if (offset === 0) return { kind: "absent" };
  // At which byte it begins is not said, so a half character at its end is lost with the rest.
  const half = log.endsWith(replacement);
  return {
    kind: "end",
    text: log,
    place: { offset, overlap: half ? "" : overlapOf(log) },
    skippedBytes: Math.max(0, offset - bytesOf(log)),
  };
}

/**
 * The text without a last character that is not whole, and how many bytes that leaves for later. Zero bytes at the end are a
 * file that was shortened while the route read it.
 */
function withoutHalf(
  text: string,
  bytes: number,
): { readonly text: string; readonly held: number } {
  const zeros = text.length - text.replace(/\0+$/, "").length;
  if (zeros > 0) {
    const rest = text.slice(0, text.length - zeros);
    return { text: rest, held: bytes - bytesOf(rest) };
  }
  if (!text.endsWith(replacement)) return { text, held: 0 };
  const rest = text.slice(0, -1);
  const held = bytes - bytesOf(rest);
  return held >= 1 && held <= 3 ? { text: rest, held } : { text, held: 0 };
}

function overlapOf(text: string): string {
  let at = Math.max(0, text.length - limits.uiLogOverlapBytes / 2);
  // Not between the halves of one character.
  if (/[\udc00-\udfff]/.test(text[at] ?? "")) at += 1;
  return text.slice(at);
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}
