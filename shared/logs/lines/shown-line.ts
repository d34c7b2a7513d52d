/** A log line as an answer lists it. */
export interface StreamLine {
  /** 1-based in its stream's file; null where the file is too large to count. */
  readonly n: number | null;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly repeat: number;
  /** What `grep` or `around` looked for. */
  readonly match?: boolean | undefined;
}

/** How much of an answer its lines may take; both ends count in this way. */
export interface LineRoom {
  /** Of JSON, for all lines. */
  readonly characters: number;
  /** A longer text is cut; null leaves it whole. */
  readonly lineCharacters: number | null;
  /** The answer holds each line as an object too. */
  readonly withObjects: boolean;
}

/** `stderr: text ×3`; stdout's lines have no word before them. */
export function shownLine(line: StreamLine, characters: number | null = null): string {
  const text = cut(line.stream === "stderr" ? `${errorPrefix}${line.text}` : line.text, characters);
  return line.repeat > 1 ? `${text} ×${line.repeat}` : text;
}

/** The other way, for lines that are kept as shown. */
export function readShownLine(shown: string): StreamLine {
  const stream = shown.startsWith(errorPrefix) ? "stderr" : "stdout";
  const rest = stream === "stderr" ? shown.slice(errorPrefix.length) : shown;
  const [, text = rest, repeat = "1"] = /^(.*) ×(\d{1,9})$/s.exec(rest) ?? [];
  return { n: null, stream, text, repeat: Number(repeat) };
}

export function cut(text: string, characters: number | null): string {
  return characters !== null && text.length > characters
    ? `${text.slice(0, characters - 1).toWellFormed()}…`
    : text;
}

/** What stands beside the lines in a short answer takes of their room. */
export function roomBeside(room: LineRoom | null, beside: readonly string[]): LineRoom | null {
  if (room === null) return null;
  const taken = beside.reduce(
    (sum, text) => sum + JSON.stringify(cut(text, room.lineCharacters)).length + 10,
    0,
  );
  return { ...room, characters: Math.max(0, room.characters - taken) };
}

export function lineCost(line: StreamLine, room: LineRoom): number {
  const shown = JSON.stringify(shownLine(line, room.lineCharacters)).length + 1;
  return room.withObjects ? shown + JSON.stringify(line).length + 1 : shown;
}

/**
 * How many lines of each list fit: in turns, so that a talkative stream leaves room for the other, from the end that
 * `keep` names. At least one line, or a walk by cursor would stand still.
 */
export function fitLines(
  lists: readonly (readonly StreamLine[])[],
  bounds: { readonly lines: number; readonly room: LineRoom | null; readonly bytes: number },
  keep: "newest" | "oldest",
): number[] {
  const counts = lists.map(() => 0);
  const full = lists.map(() => false);
  let lines = 0;
  let characters = 0;
  let bytes = 0;
  while (lines < bounds.lines && full.includes(false)) {
    for (const [at, list] of lists.entries()) {
      if (full[at] === true || lines >= bounds.lines) continue;
      const count = counts[at] ?? 0;
      const line = list[keep === "oldest" ? count : list.length - 1 - count];
      if (line === undefined) {
        full[at] = true;
        continue;
      }
      characters += bounds.room === null ? 0 : lineCost(line, bounds.room);
      bytes += encoder.encode(JSON.stringify(line)).byteLength + 1;
      const over = bytes > bounds.bytes || characters > (bounds.room?.characters ?? Infinity);
      if (over && lines > 0) return counts;
      counts[at] = count + 1;
      lines += 1;
    }
  }
  return counts;
}

/** The part of one list that fits around its first match, which is in it. */
export function fitAround(
  list: readonly StreamLine[],
  bounds: { readonly lines: number; readonly room: LineRoom | null; readonly bytes: number },
): readonly StreamLine[] {
  const at = Math.max(
    0,
    list.findIndex(({ match }) => match === true),
  );
  // Behind the match first, then before it, in turns.
  const turns = list
    .map((line, index) => ({
      line,
      index,
      distance: Math.abs(index - at) * 2 + (index < at ? 1 : 0),
    }))
    .toSorted((a, b) => a.distance - b.distance);
  const [count = 0] = fitLines([turns.map(({ line }) => line)], bounds, "oldest");
  const kept = turns.slice(0, count).map(({ index }) => index);
  return list.slice(Math.min(...kept), Math.max(...kept) + 1);
}

const errorPrefix = "stderr: ";
const encoder = new TextEncoder();
