import { limits } from "../../limits.ts";
import { type KnownSecret, redact } from "../../redact.ts";
import { createFragmenter, type Fragment } from "../fragments.ts";

/** One line as a reader sees it. */
export interface CleanLine {
  readonly text: string;
  /** How many redraws or equal lines it stands for; 1 for a plain line. */
  readonly repeats: number;
}

/** A line and where it stands in its file. */
export interface PlacedLine extends CleanLine {
  /** What the options' `matches` said of it; false without one. */
  readonly match: boolean;
  /** Of the line in the file, from 0, as newlines count it; a bar with all its redraws is one. Null when unknown. */
  readonly row: number | null;
  /** Offset of its first byte. */
  readonly start: number;
  /** Offset behind its last byte, where reading can go on; null when another line comes out of the same bytes. */
  readonly end: number | null;
  /** The row that begins at `end`. */
  readonly endRow: number | null;
}

export interface LineCleanerOptions {
  readonly secrets?: readonly (string | KnownSecret)[] | undefined;
  /** The bytes begin inside a run: what stands before its separator is left out, it may be half a secret. */
  readonly startsInside?: boolean | undefined;
  /** Offset and row of the first byte that is pushed, 0 unless told; null when nobody counted the rows before. */
  readonly offset?: number | undefined;
  readonly row?: number | null | undefined;
  /** Asked of every redraw and line, redacted and whole, in order; what differs in it is not folded together. */
  readonly matches?: ((text: string, row: number | null) => boolean) | undefined;
}

/** Where a cleaner could be stopped and another go on without losing or doubling anything. */
export interface CleanerPlace {
  /** Offset behind the last separator, or of the next byte when `inside`. */
  readonly offset: number;
  readonly row: number | null;
  /** The bytes from `offset` on are the rest of an overlong run whose beginning was given. */
  readonly inside: boolean;
}

export interface LineCleaner {
  /** Lines that nothing can be folded into any more, in order. Memory does not follow the file. */
  push(bytes: Uint8Array): PlacedLine[];
  /** What folding still held back; whatever is pushed next begins a line of its own. */
  flush(): PlacedLine[];
  /** Like `flush`, and the unfinished end is a line: nothing more will come. */
  end(): PlacedLine[];
  place(): CleanerPlace;
  /** The frame or line that has no separator yet. Its last word is left out when it is no frame: half a secret. */
  unfinished(): string | null;
}

/** Bytes to lines: redraws and equal lines folded, escapes and invisible characters gone, secrets out. */
export function createLineCleaner(options: LineCleanerOptions = {}): LineCleaner {
  const { secrets = [], matches = null } = options;
  const fragmenter = createFragmenter();
  let offset = options.offset ?? 0;
  let row = options.row === undefined ? 0 : options.row;
  let inside = options.startsInside ?? false;
  let pushed = offset;
  let drawn: Drawing | null = null;
  let held: Held | null = null;
  let lines: PlacedLine[] = [];

  const take = (line: Held): void => {
    if (held !== null && held.text === line.text && held.match === line.match) {
      held.repeats += line.repeats;
      held.end = line.end;
      held.endRow = line.endRow;
      return;
    }
    if (held !== null) lines.push(held);
    held = line;
  };
  const close = (): void => {
    if (drawn === null) return;
    const { text, repeats, match, row, start, end, endRow, redacted } = drawn;
    drawn = null;
    const shown = shorten(redacted ? text : redact(text, secrets));
    take({ text: shown, repeats, match, row, start, end, endRow });
  };
  const draw = (label: string | null, raw: string, { end, endRow }: Behind): void => {
    const text = matches === null ? raw : redact(raw, secrets);
    const match = matches?.(text, row) ?? false;
    if (drawn !== null && (drawn.label !== label || drawn.match !== match)) close();
    if (drawn === null) {
      const redacted = matches !== null;
      drawn = { label, text, match, row, start: offset, end, endRow, repeats: 1, redacted };
      return;
    }
    drawn.text = text;
    drawn.end = end;
    drawn.endRow = endRow;
    drawn.repeats += 1;
  };
  const read = (fragment: Fragment, end: number | null): void => {
    const endRow = fragment.endedBy === "\n" && row !== null ? row + 1 : row;
    const behind = { end, endRow };
    if (fragment.continued || inside) {
      // The rest of an overlong run: its beginning is shown, shortened.
      if (drawn !== null) Object.assign(drawn, behind);
    } else {
      const text = cleanText(fragment.text);
      const [, bar = "", label = "", tail = ""] =
        (text.includes("%|") && drawnBar.exec(text)) || [];
      const glued = tail.trim();
      if (bar !== "") draw(label, bar.trimEnd(), glued === "" ? behind : { end: null, endRow });
      if (bar !== "" && glued !== "") close();
      const plain = bar === "" ? text : glued;
      if (plain.trim() !== "") draw(null, plain, behind);
    }
    if (fragment.endedBy === "\n") close();
  };
  const readAll = (fragments: readonly Fragment[], bytes: Uint8Array, from: number): void => {
    let at = 0;
    for (const fragment of fragments) {
      if (fragment.endedBy === "cut") {
        // Where the run was cut is known to the fragmenter alone: `place` says where to go on.
        read(fragment, null);
        continue;
      }
      at = behindSeparator(bytes, at);
      read(fragment, from + at);
      inside = false;
      offset = from + at;
      if (fragment.endedBy === "\n" && row !== null) row += 1;
    }
  };
  const flush = (): PlacedLine[] => {
    close();
    if (held !== null) lines.push(held);
    held = null;
    const taken = lines;
    lines = [];
    return taken;
  };

  return {
    push(bytes) {
      readAll(fragmenter.push(bytes), bytes, pushed);
      pushed += bytes.byteLength;
      const taken = lines;
      lines = [];
      return taken;
    },
    flush,
    end() {
      for (const fragment of fragmenter.flush()) read(fragment, pushed);
      offset = pushed;
      inside = false;
      return flush();
    },
    place() {
      const within = inside || fragmenter.state().continued;
      return within ? { offset: pushed, row, inside: true } : { offset, row, inside: false };
    },
    unfinished() {
      const rest = fragmenter.peek();
      if (rest === null || rest.continued || inside) return null;
      const text = cleanText(rest.text);
      const bar = text.includes("%|") ? drawnBar.exec(text)?.[1] : undefined;
      const whole = bar ?? text.slice(0, lastSpace(rest.text, text));
      const shown = shorten(redact(whole, secrets)).trimEnd();
      if (shown.trim() === "") return null;
      return bar === undefined && whole.trimEnd() !== text ? `${shown} …` : shown;
    },
  };
}

type Held = { -readonly [Key in keyof PlacedLine]: PlacedLine[Key] };

type Behind = Pick<PlacedLine, "end" | "endRow">;

/** The run of redraws, or the line, that nothing has ended yet. */
interface Drawing extends Behind {
  readonly label: string | null;
  readonly match: boolean;
  readonly row: number | null;
  readonly start: number;
  readonly redacted: boolean;
  text: string;
  end: number | null;
  endRow: number | null;
  repeats: number;
}

export interface CleanLinesOptions {
  /** Only the last so many lines. */
  readonly limit?: number | undefined;
  readonly secrets?: readonly (string | KnownSecret)[] | undefined;
  readonly startsInside?: boolean | undefined;
}

/** A whole log, or a part of one, for reading. */
export function cleanLines(log: Uint8Array | string, options: CleanLinesOptions = {}): CleanLine[] {
  const cleaner = createLineCleaner(options);
  const bytes = typeof log === "string" ? new TextEncoder().encode(log) : log;
  const placed = [...cleaner.push(bytes), ...cleaner.end()];
  const wanted =
    options.limit === undefined
      ? placed
      : placed.slice(Math.max(0, placed.length - Math.max(0, options.limit)));
  return wanted.map(({ text, repeats }) => ({ text, repeats }));
}

/** Takes out what could move a cursor, turn text around or hide in it; a tab stays. */
export function cleanText(text: string): string {
  return text.replace(invisible, "").trimEnd();
}

/** Up to where an unfinished line has whole words. */
function lastSpace(raw: string, text: string): number {
  return /\s$/.test(raw) ? text.length : text.search(/\S*$/);
}

function behindSeparator(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== newline && bytes[at] !== carriageReturn) at += 1;
  return at + 1;
}

function shorten(text: string): string {
  return text.length > limits.logLineCharacters
    ? `${text.slice(0, limits.logLineCharacters).toWellFormed()}…`
    : text;
}

const newline = 10;
const carriageReturn = 13;

/** `label:  12%|###   | 1/8 [00:01<00:07, …]` and what follows it. */
const drawnBar =
  /^((.{0,512}?)\d{1,3}%\|[^|]{0,512}\| {0,20}\S{1,40}\/\S{1,40} \[[^\]]{0,512}\])(.*)$/s;

const invisible =
  // oxlint-disable-next-line no-control-regex -- these characters are what it takes out
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
