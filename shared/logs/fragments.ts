import { limits } from "../limits.ts";

/** What ended a fragment. `end`: the file ended (see `flush`); `cut`: the fragment was longer than the bound. */
type FragmentEnd = "\n" | "\r" | "cut" | "end";

/** A run of text between two separators. It lies in a longer text, and is cut out of it only when it is asked for. */
export class Fragment {
  /** Whole UTF-8 text without escape sequences, in which the run lies; bytes that are no UTF-8 became U+FFFD. */
  readonly source: string;
  readonly from: number;
  readonly to: number;
  readonly endedBy: FragmentEnd;
  /** True when the fragment before it was cut: this text does not begin a line. */
  readonly continued: boolean;

  constructor(source: string, from: number, to: number, endedBy: FragmentEnd, continued: boolean) {
    this.source = source;
    this.from = from;
    this.to = to;
    this.endedBy = endedBy;
    this.continued = continued;
  }

  get text(): string {
    return this.source.slice(this.from, this.to);
  }
}

/** JSON, small, and exact between any two bytes. */
export interface FragmenterState {
  /** Offset of the next byte to be pushed. */
  readonly offset: number;
  /** The bytes after the last separator, one latin1 character each. */
  readonly carry: string;
  readonly continued: boolean;
}

export interface Fragmenter {
  push(bytes: Uint8Array): Fragment[];
  /** The unfinished end as a fragment, once nothing more will come. */
  flush(): Fragment[];
  /** The unfinished end, looked at and left where it is. */
  peek(): Fragment | null;
  state(): FragmenterState;
}

/**
 * Splits a log into the runs between `\n` and `\r`. Memory is bounded by `maxBytes`, whatever the file does. Only
 * whole fragments are decoded, so a character is never torn at the end of a read.
 */
export function createFragmenter(
  state: FragmenterState = { offset: 0, carry: "", continued: false },
  maxBytes: number = limits.fragmentBytes,
): Fragmenter {
  let buffer: Uint8Array = new Uint8Array(Math.min(1024, maxBytes));
  let length = 0;
  let offset = state.offset;
  let continued = state.continued;
  restore(state.carry);

  function restore(carry: string): void {
    const bytes = new Uint8Array(Math.min(carry.length, maxBytes));
    for (let at = 0; at < bytes.length; at++) bytes[at] = carry.charCodeAt(at) & 0xff;
    append(bytes, 0, bytes.length);
  }

  function append(bytes: Uint8Array, from: number, to: number): void {
    const needed = length + to - from;
    if (needed > buffer.length) {
      const larger = new Uint8Array(Math.min(maxBytes, Math.max(needed, buffer.length * 2)));
      larger.set(buffer.subarray(0, length));
      buffer = larger;
    }
    buffer.set(bytes.subarray(from, to), length);
    length = needed;
  }

  function take(bytes: number, endedBy: FragmentEnd): Fragment {
    const text = stripEscapes(decoder.decode(buffer.subarray(0, bytes)));
    const fragment = new Fragment(text, 0, text.length, endedBy, continued);
    buffer.copyWithin(0, bytes, length);
    length -= bytes;
    continued = endedBy === "cut";
    return fragment;
  }

  /** One fragment, or as much of it as there is: for what was carried over or is longer than the bound. */
  function readOne(bytes: Uint8Array, from: number, fragments: Fragment[]): number {
    const room = Math.min(bytes.length, from + maxBytes - length);
    let end = from;
    while (end < room && bytes[end] !== newline && bytes[end] !== carriageReturn) end++;
    append(bytes, from, end);
    offset += end - from;
    if (length === maxBytes) {
      const whole = wholeCharacters(buffer, length);
      fragments.push(take(whole, "cut"));
      return end;
    }
    if (end === room) return end;
    fragments.push(take(length, bytes[end] === newline ? "\n" : "\r"));
    offset += 1;
    return end + 1;
  }

  /**
   * Every whole fragment from `from`, decoded in one go: a separator never stands inside a character, so the decoder
   * sees the same as one call for each would. Nothing when one of them may be longer than the bound.
   */
  function readWhole(bytes: Uint8Array, from: number, fragments: Fragment[]): number {
    const rest = from === 0 ? bytes : bytes.subarray(from);
    const last = Math.max(rest.lastIndexOf(newline), rest.lastIndexOf(carriageReturn));
    if (last < 0) return from;
    const text = decoder.decode(rest.subarray(0, last + 1));
    const escaped = rest.includes(escapeByte) || (rest.includes(c1Lead) && mayHoldEscapes(text));
    const first = fragments.length;
    let nextLine = text.indexOf("\n");
    let nextReturn = text.indexOf("\r");
    for (let start = 0; start < text.length;) {
      const isLine = nextReturn < 0 || (nextLine >= 0 && nextLine < nextReturn);
      const end = isLine ? nextLine : nextReturn;
      if ((end - start) * longestCharacter >= maxBytes) {
        fragments.length = first;
        return from;
      }
      const endedBy = isLine ? "\n" : "\r";
      const inside = continued && start === 0;
      const run = escaped ? stripEscapes(text.slice(start, end)) : null;
      fragments.push(
        run === null
          ? new Fragment(text, start, end, endedBy, inside)
          : new Fragment(run, 0, run.length, endedBy, inside),
      );
      start = end + 1;
      if (isLine) nextLine = text.indexOf("\n", start);
      else nextReturn = text.indexOf("\r", start);
    }
    continued = false;
    offset += last + 1;
    return from + last + 1;
  }

  function isCarrying(): boolean {
    return length > 0;
  }

  return {
    push(bytes) {
      const fragments: Fragment[] = [];
      let at = 0;
      // What was carried over ends first; an overlong run in what follows sends all of it the slow way.
      while (at < bytes.length && isCarrying()) at = readOne(bytes, at, fragments);
      if (at < bytes.length) at = readWhole(bytes, at, fragments);
      while (at < bytes.length) at = readOne(bytes, at, fragments);
      return fragments;
    },
    flush() {
      return length === 0 ? [] : [take(length, "end")];
    },
    peek() {
      if (length === 0) return null;
      const text = stripEscapes(
        decoder.decode(buffer.subarray(0, wholeCharacters(buffer, length))),
      );
      return new Fragment(text, 0, text.length, "end", continued);
    },
    state() {
      let carry = "";
      for (let at = 0; at < length; at++) carry += String.fromCharCode(buffer[at] ?? 0);
      return { offset, carry, continued };
    },
  };
}

/** Three searches for one character each are several times faster than one for a set. */
function mayHoldEscapes(text: string): boolean {
  return text.includes("\u001b") || text.includes("\u009b") || text.includes("\u009d");
}

/** Colours, cursor moves, titles and links: AI Toolkit's sampler moves the cursor even without a terminal. */
export function stripEscapes(text: string): string {
  return mayHoldEscapes(text) ? text.replace(escapes, "") : text;
}

/** Bytes of UTF-8 that one UTF-16 unit stands for, at most. */
const longestCharacter = 3;
/** ESC, and the byte that every C1 control begins with in UTF-8. */
const escapeByte = 0x1b;
const c1Lead = 0xc2;
const newline = 10;
const carriageReturn = 13;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: false });

/** CSI; OSC and the other strings up to BEL or ST; two-byte escapes; a lone ESC. Every part is linear. */
const escapes =
  // oxlint-disable-next-line no-control-regex -- these characters are what it looks for
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/g;

/** How many leading bytes end between two characters; 0xC0 and above begin one of two to four bytes. */
function wholeCharacters(bytes: Uint8Array, length: number): number {
  for (let back = 1; back <= Math.min(3, length - 1); back++) {
    const byte = bytes[length - back] ?? 0;
    if (byte < 0x80) return length;
    if (byte >= 0xc0) {
      const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return size > back ? length - back : length;
    }
  }
  return length;
}
