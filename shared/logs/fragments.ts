import { limits } from "../limits.ts";

/** What ended a fragment. `end`: the file ended (see `flush`); `cut`: the fragment was longer than the bound. */
type FragmentEnd = "\n" | "\r" | "cut" | "end";

export interface Fragment {
  /** Whole UTF-8 text without escape sequences; bytes that are no UTF-8 became U+FFFD. */
  readonly text: string;
  readonly endedBy: FragmentEnd;
  /** Byte offset of its first byte in the stream. */
  readonly offset: number;
  /** True when the fragment before it was cut: this text does not begin a line. */
  readonly continued: boolean;
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

  function take(bytes: number, endedBy: FragmentEnd, at: number): Fragment {
    const fragment: Fragment = {
      text: stripEscapes(decoder.decode(buffer.subarray(0, bytes))),
      endedBy,
      offset: at,
      continued,
    };
    buffer.copyWithin(0, bytes, length);
    length -= bytes;
    continued = endedBy === "cut";
    return fragment;
  }

  return {
    push(bytes) {
      const fragments: Fragment[] = [];
      let at = 0;
      while (at < bytes.length) {
        const room = Math.min(bytes.length, at + maxBytes - length);
        let end = at;
        while (end < room && bytes[end] !== newline && bytes[end] !== carriageReturn) end++;
        append(bytes, at, end);
        offset += end - at;
        at = end;
        if (length === maxBytes) {
          const whole = wholeCharacters(buffer, length);
          fragments.push(take(whole, "cut", offset - length));
        } else if (end < room) {
          const startedAt = offset - length;
          fragments.push(take(length, bytes[end] === newline ? "\n" : "\r", startedAt));
          offset += 1;
          at += 1;
        }
      }
      return fragments;
    },
    flush() {
      return length === 0 ? [] : [take(length, "end", offset - length)];
    },
    peek() {
      if (length === 0) return null;
      const text = stripEscapes(
        decoder.decode(buffer.subarray(0, wholeCharacters(buffer, length))),
      );
      return { text, endedBy: "end", offset: offset - length, continued };
    },
    state() {
      let carry = "";
      for (let at = 0; at < length; at++) carry += String.fromCharCode(buffer[at] ?? 0);
      return { offset, carry, continued };
    },
  };
}

/** Colours, cursor moves, titles and links: AI Toolkit's sampler moves the cursor even without a terminal. */
export function stripEscapes(text: string): string {
  return escapeStart.test(text) ? text.replace(escapes, "") : text;
}

const newline = 10;
const carriageReturn = 13;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

// oxlint-disable-next-line no-control-regex -- these characters are what it looks for
const escapeStart = /[\u001b\u009b\u009d]/;
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
