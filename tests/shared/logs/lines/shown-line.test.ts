import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PlacedLine } from "../../../../shared/logs/lines/clean-lines.ts";
import {
  pickAround,
  pickNewest,
  pickOldest,
  resumable,
} from "../../../../shared/logs/lines/pick-lines.ts";
import {
  fitAround,
  fitLines,
  lineCost,
  readShownLine,
  shownLine,
} from "../../../../shared/logs/lines/shown-line.ts";
import type { StreamLine } from "../../../../shared/logs/lines/shown-line.ts";

const line = (text: string, stream: "stdout" | "stderr" = "stdout"): StreamLine => ({
  n: null,
  stream,
  text,
  repeat: 1,
});
const placed = (n: number, change: Partial<PlacedLine> = {}): PlacedLine => ({
  text: `${n}`,
  repeats: 1,
  match: false,
  row: n,
  start: n,
  end: n + 1,
  endRow: n + 1,
  ...change,
});
const texts = (lines: readonly { text: string }[]) => lines.map(({ text }) => text).join(" ");

describe("a shown line", () => {
  it("names stderr and counts", () => {
    expect(shownLine({ ...line("a"), repeat: 3 })).toBe("a ×3");
    expect(shownLine(line("abcdef", "stderr"), 10)).toBe("stderr: a…");
  });

  it("is read back", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("stdout" as const, "stderr" as const),
        fc.nat(900),
        (stream, n) => {
          const shown = { ...line("some text", stream), repeat: n + 1 };
          expect(readShownLine(shownLine(shown))).toEqual(shown);
        },
      ),
    );
  });
});

describe("fitLines", () => {
  const many = Array.from({ length: 50 }, (_, n) => line(`line ${n}`));

  it("leaves room for the quiet stream", () => {
    const bounds = { lines: 20, room: null, bytes: 1e6 };

    expect(fitLines([many, many], bounds, "newest")).toEqual([10, 10]);
    expect(fitLines([many, many.slice(0, 3)], bounds, "oldest")).toEqual([17, 3]);
    expect(fitLines([[], many], bounds, "newest")).toEqual([0, 20]);
  });

  it("stays within the room, and gives one line at least", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string()),
        fc.nat(300),
        fc.boolean(),
        (list, characters, withObjects) => {
          const room = { characters, lineCharacters: 20, withObjects };
          const lines = list.map((text) => line(text));
          const [count = 0] = fitLines([lines], { lines: 1_000, room, bytes: 1e6 }, "oldest");
          const cost = lines.slice(0, count).reduce((sum, entry) => sum + lineCost(entry, room), 0);
          expect(count).toBeGreaterThanOrEqual(Math.min(1, lines.length));
          expect(cost <= characters || count === 1).toBe(true);
        },
      ),
    );
  });

  it("keeps the match when it fits around it", () => {
    const lines = many.map((entry, n) => (n === 30 ? { ...entry, match: true } : entry));
    const room = { characters: 45, lineCharacters: null, withObjects: false };

    expect(texts(fitAround(lines, { lines: 100, room, bytes: 1e6 }))).toBe(
      "line 29 line 30 line 31 line 32",
    );
    expect(fitAround([], { lines: 100, room, bytes: 1e6 })).toEqual([]);
  });
});

describe("picking", () => {
  const all = Array.from({ length: 300 }, (_, n) => placed(n, { match: n % 100 === 50 }));
  const run = (picker: ReturnType<typeof pickNewest>) => {
    for (const entry of all) if (!picker.take(entry)) break;
    return picker;
  };

  it("takes the newest, or the oldest and where to go on", () => {
    const newest = run(pickNewest({ lines: 2, context: null }));
    const oldest = run(pickOldest({ lines: 2, context: null }));

    expect([texts(newest.lines()), newest.overflowed()]).toEqual(["298 299", true]);
    expect([texts(oldest.lines()), oldest.stoppedAt()?.end]).toEqual(["0 1", 2]);
  });

  it("takes matches with what stands beside them", () => {
    expect(texts(run(pickNewest({ lines: 4, context: 1 })).lines())).toBe("151 249 250 251");
    expect(texts(run(pickOldest({ lines: 4, context: 0 })).lines())).toBe("50 150 250");
    expect(texts(run(pickAround({ before: 2, after: 1 })).lines())).toBe("48 49 50 51");
    expect(texts(run(pickAround({ before: 0, after: 0 })).lines())).toBe("50");
  });

  it("stops only where reading can go on", () => {
    const picker = pickOldest({ lines: 1, context: null });
    picker.take(placed(0, { end: null }));
    picker.take(placed(1));

    expect(texts(picker.lines())).toBe("0 1");
    expect(texts(resumable([placed(0), placed(1, { end: null }), placed(2)], 2))).toBe("0");
    expect(texts(resumable([placed(0, { end: null }), placed(1), placed(2)], 1))).toBe("0 1");
  });
});
