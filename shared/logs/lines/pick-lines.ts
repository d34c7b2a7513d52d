import type { PlacedLine } from "./clean-lines.ts";

/** Takes a log's lines in order and keeps those that were asked for; memory follows what is kept. */
export interface LinePicker {
  /** False once it needs no more. */
  take(line: PlacedLine): boolean;
  lines(): readonly PlacedLine[];
  /** Lines were wanted and did not fit, at the end that is not kept. */
  overflowed(): boolean;
  /** The last line it took where reading can go on; null while it would go on anyway. */
  stoppedAt(): PlacedLine | null;
}

export interface PickOptions {
  readonly lines: number;
  /** Only matching lines, and so many before and behind each; null picks every line. */
  readonly context: number | null;
}

/** The last lines of a log. */
export function pickNewest({ lines: wanted, context }: PickOptions): LinePicker {
  let kept: PlacedLine[] = [];
  let overflowed = false;
  const keep = (line: PlacedLine): void => {
    kept.push(line);
    // Cut now and then, not at every line.
    if (kept.length < wanted * 2 + 64) return;
    kept = kept.slice(kept.length - wanted);
    overflowed = true;
  };
  const pass = context === null ? keep : onlyMatches(context, keep);
  return {
    take(line) {
      pass(line);
      return true;
    },
    lines: () => kept.slice(Math.max(0, kept.length - wanted)),
    overflowed: () => overflowed || kept.length > wanted,
    stoppedAt: () => null,
  };
}

/** The first lines, up to one behind which reading can go on. */
export function pickOldest({ lines: wanted, context }: PickOptions): LinePicker {
  const kept: PlacedLine[] = [];
  const keep = (line: PlacedLine): void => void kept.push(line);
  const pass = context === null ? keep : onlyMatches(context, keep);
  let last: PlacedLine | null = null;
  return {
    take(line) {
      if (last !== null) return false;
      pass(line);
      if (kept.length >= wanted && line.end !== null) last = line;
      return last === null;
    },
    lines: () => kept,
    overflowed: () => last !== null,
    stoppedAt: () => last,
  };
}

/** The first match and what stands around it. Without a match it keeps nothing. */
export function pickAround({ before, after }: { before: number; after: number }): LinePicker {
  let kept: PlacedLine[] = [];
  let found = false;
  let missing = after;
  let last: PlacedLine | null = null;
  return {
    take(line) {
      if (last !== null) return false;
      if (!found) {
        found = line.match;
        if (!found && kept.length >= before * 2 + 64) kept = kept.slice(kept.length - before);
        if (found) kept = before === 0 ? [] : kept.slice(-before);
      } else {
        missing -= 1;
      }
      kept.push(line);
      if (found && missing <= 0 && line.end !== null) last = line;
      return last === null;
    },
    lines: () => (found ? kept : []),
    overflowed: () => found,
    stoppedAt: () => last,
  };
}

function onlyMatches(
  context: number,
  keep: (line: PlacedLine) => void,
): (line: PlacedLine) => void {
  let before: PlacedLine[] = [];
  let after = 0;
  return (line) => {
    if (line.match) {
      for (const earlier of before) keep(earlier);
      before = [];
      after = context;
      keep(line);
    } else if (after > 0) {
      after -= 1;
      keep(line);
    } else if (context > 0) {
      before.push(line);
      if (before.length > context) before.shift();
    }
  };
}

/** The longest beginning of at most `count` lines behind which reading can go on; at least one such line. */
export function resumable(lines: readonly PlacedLine[], count: number): readonly PlacedLine[] {
  for (let end = Math.min(count, lines.length); end > 0; end -= 1) {
    if (lines[end - 1]?.end !== null) return lines.slice(0, end);
  }
  const next = lines.findIndex(({ end }) => end !== null);
  return next < 0 ? lines : lines.slice(0, next + 1);
}
