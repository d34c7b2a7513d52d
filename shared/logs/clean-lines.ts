import { type KnownSecret, redact } from "../redact.ts";
import { createFragmenter, type Fragment } from "./fragments.ts";

/** One line as a reader sees it. */
export interface CleanLine {
  readonly text: string;
  /** How many redraws or equal lines it stands for; 1 for a plain line. */
  readonly repeats: number;
}

export interface CleanLinesOptions {
  /** Substring, case-insensitive; looked for in the redacted text. */
  readonly grep?: string | undefined;
  /** Only the last so many lines, after `grep`. */
  readonly limit?: number | undefined;
  readonly secrets?: readonly (string | KnownSecret)[] | undefined;
  /** The bytes begin inside a line: what stands before the first newline is left out, it may be half a secret. */
  readonly startsMidLine?: boolean | undefined;
}

/** A log for reading: redraws folded, escapes and invisible characters gone, repeats counted, secrets out. */
export function cleanLines(log: Uint8Array | string, options: CleanLinesOptions = {}): CleanLine[] {
  const bytes = typeof log === "string" ? new TextEncoder().encode(log) : log;
  const fragmenter = createFragmenter();
  const fragments = [...fragmenter.push(bytes), ...fragmenter.flush()];
  const first = options.startsMidLine ? fragments.findIndex((f) => f.endedBy === "\n") + 1 : 0;
  const startsInside = options.startsMidLine === true && first === 0;

  const lines: CleanLine[] = [];
  for (const drawn of startsInside ? [] : foldRedraws(fragments.slice(first))) {
    const text = shorten(redact(drawn.text, options.secrets));
    const last = lines.at(-1);
    if (last?.text === text) {
      lines[lines.length - 1] = { text, repeats: last.repeats + drawn.repeats };
    } else {
      lines.push({ text, repeats: drawn.repeats });
    }
  }
  const wanted = options.grep?.toLowerCase();
  const found = wanted ? lines.filter(({ text }) => text.toLowerCase().includes(wanted)) : lines;
  if (options.limit === undefined) return found;
  return found.slice(Math.max(0, found.length - Math.max(0, options.limit)));
}

/** Takes out what could move a cursor, turn text around or hide in it; a tab stays. */
function cleanText(text: string): string {
  return text.replace(invisible, "").trimEnd();
}

/** In a run of redraws of the same bar only the last is shown; what a print glued to a bar is a line of its own. */
function foldRedraws(fragments: readonly Fragment[]): CleanLine[] {
  const lines: CleanLine[] = [];
  let open: { label: string | null; text: string; repeats: number } | null = null;
  const close = (): void => {
    if (open) lines.push({ text: open.text, repeats: open.repeats });
    open = null;
  };
  const draw = (label: string | null, text: string): void => {
    if (open && open.label !== label) close();
    open = { label, text, repeats: (open?.repeats ?? 0) + 1 };
  };
  for (const fragment of fragments) {
    // The rest of an overlong run: its beginning is shown, shortened.
    if (!fragment.continued) {
      const text = cleanText(fragment.text);
      const [, bar = "", label = "", tail = ""] = drawnBar.exec(text) ?? [];
      if (bar !== "") {
        draw(label, bar.trimEnd());
        if (tail.trim() !== "") {
          close();
          draw(null, tail.trim());
        }
      } else if (text.trim() !== "") {
        draw(null, text);
      }
    }
    if (fragment.endedBy === "\n") close();
  }
  close();
  return lines;
}

function shorten(text: string): string {
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters).toWellFormed()}…` : text;
}

/** A display line longer than this helps nobody, and the whole is in the file. */
const shownCharacters = 2_000;

/** `label:  12%|###   | 1/8 [00:01<00:07, …]` and what follows it. */
const drawnBar =
  /^((.{0,512}?)\d{1,3}%\|[^|]{0,512}\| {0,20}\S{1,40}\/\S{1,40} \[[^\]]{0,512}\])(.*)$/s;

const invisible =
  // oxlint-disable-next-line no-control-regex -- these characters are what it takes out
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
