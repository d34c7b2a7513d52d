import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../../../shared/limits.ts";
import { cleanLines, createLineCleaner } from "../../../../shared/logs/lines/clean-lines.ts";
import type { CleanerPlace, PlacedLine } from "../../../../shared/logs/lines/clean-lines.ts";
import { framesOf, someLog } from "../some-log.ts";

const encode = (text: string) => new TextEncoder().encode(text);

describe("cleanLines", () => {
  it("folds the redraws of a bar into the last one and counts them", () => {
    const log =
      "start\r\n\rj:  0%|  | 0/9 [00:00<?, ?it/s]\rj:  11%|# | 1/9 [00:00<?, ?it/s]\rj:  22%|##| 2/9 [00:00<?, ?it/s]\ndone\n";

    expect(cleanLines(log)).toEqual([
      { text: "start", repeats: 1 },
      { text: "j:  22%|##| 2/9 [00:00<?, ?it/s]", repeats: 3 },
      { text: "done", repeats: 1 },
    ]);
  });

  it("keeps what was glued to a bar as a line of its own", () => {
    expect(cleanLines("\rj:  0%|  | 0/9 [00:00<?, ?it/s]loss is nan\n")).toEqual([
      { text: "j:  0%|  | 0/9 [00:00<?, ?it/s]", repeats: 1 },
      { text: "loss is nan", repeats: 1 },
    ]);
  });

  it("folds equal neighbours, drops blank lines, takes out escapes and invisible characters", () => {
    expect(cleanLines("\u001b[31ma\u202eb\u200b\u0007\n\n \nab\nc\td\n")).toEqual([
      { text: "ab", repeats: 2 },
      { text: "c\td", repeats: 1 },
    ]);
  });

  it("gives the last lines", () => {
    const log = "Loss 1\nx\nloss 2\n";

    expect(cleanLines(log, { limit: 2 }).map(({ text }) => text)).toEqual(["x", "loss 2"]);
    expect(cleanLines(log, { limit: 0 })).toEqual([]);
  });

  it("redacts, also a secret with an escape inside it, and never matches by the secret", () => {
    const log = "token hf_abcdefghijkl\u001b[0mmnopqrstuvwx\npassword swordfish\n";

    expect(cleanLines(log, { secrets: ["swordfish"] }).map(({ text }) => text)).toEqual([
      "token [redacted:hf_token]",
      "password [redacted:secret]",
    ]);
    const cleaner = createLineCleaner({
      secrets: ["swordfish"],
      matches: (text) => text.includes("swordfish"),
    });
    expect([...cleaner.push(encode(log)), ...cleaner.end()].map(({ match }) => match)).toEqual([
      false,
      false,
    ]);
  });

  it("leaves out the beginning of a range that starts inside a run", () => {
    expect(cleanLines("cdefghij half a secret\rmore\nnext\n", { startsInside: true })).toEqual([
      { text: "more", repeats: 1 },
      { text: "next", repeats: 1 },
    ]);
    expect(cleanLines("no separator at all", { startsInside: true })).toEqual([]);
  });

  it("shortens an overlong line and hides the rest of it", () => {
    const [line, ...rest] = cleanLines(`${"x".repeat(70_000)}hf_${"y".repeat(30)}\nz\n`);

    expect([line?.text.length, rest]).toEqual([2_001, [{ text: "z", repeats: 1 }]]);
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void cleanLines(bytes)));
  });
});

describe("createLineCleaner", () => {
  it("says where each line stands and on which row of the file", () => {
    const cleaner = createLineCleaner({ offset: 100, row: 7 });
    const lines = [
      ...cleaner.push(encode("a\n\nb\nb\n\rj:  1%|  | 1/9 [00:00<?]loss is nan\nend")),
      ...cleaner.end(),
    ];

    expect(lines).toEqual([
      { text: "a", repeats: 1, match: false, row: 7, start: 100, end: 102, endRow: 8 },
      { text: "b", repeats: 2, match: false, row: 9, start: 103, end: 107, endRow: 11 },
      {
        text: "j:  1%|  | 1/9 [00:00<?]",
        repeats: 1,
        match: false,
        row: 11,
        start: 108,
        end: null,
        endRow: 12,
      },
      { text: "loss is nan", repeats: 1, match: false, row: 11, start: 108, end: 144, endRow: 12 },
      { text: "end", repeats: 1, match: false, row: 12, start: 144, end: 147, endRow: 12 },
    ]);
  });

  it("folds apart what matches and what does not", () => {
    const frame = (n: number) => `\rj:  ${n}%|  | ${n}/9 [00:00<?]`;
    const cleaner = createLineCleaner({ matches: (text) => text.includes("| 3/9") });
    const lines = [...cleaner.push(encode([1, 2, 3, 4, 5].map(frame).join(""))), ...cleaner.end()];

    expect(
      lines.map(({ text, repeats, match }) => [text.slice(11, 15).trim(), repeats, match]),
    ).toEqual([
      ["2/9", 2, false],
      ["3/9", 1, true],
      ["5/9", 2, false],
    ]);
  });

  it("gives the frame that is being drawn, and of an unfinished line only whole words", () => {
    const unfinished = (text: string, secrets: string[] = []) => {
      const cleaner = createLineCleaner({ secrets });
      cleaner.push(encode(text));
      return cleaner.unfinished();
    };

    expect(unfinished("x\n\rj:  1%|  | 1/9 [00:00<?]")).toBe("j:  1%|  | 1/9 [00:00<?]");
    expect(unfinished("x\nEnter your choice: ")).toBe("Enter your choice:");
    expect(unfinished("x\ntoken is hf_abc")).toBe("token is …");
    expect(unfinished("x\nhf_abc")).toBeNull();
    expect(unfinished("x\n")).toBeNull();
    expect(unfinished("x\nuse swordfish now", ["swordfish"])).toBe("use [redacted:secret] …");
  });

  it("gives the same lines for any chunks", () => {
    fc.assert(
      fc.property(someLog, fc.array(fc.nat(400), { maxLength: 30 }), (log, sizes) => {
        const bytes = encode(log);
        const whole = createLineCleaner();
        const cut = createLineCleaner();
        const lines: PlacedLine[] = [];
        let at = 0;
        for (const size of sizes) lines.push(...cut.push(bytes.subarray(at, (at += size))));
        lines.push(...cut.push(bytes.subarray(at)));

        expect(cut.place()).toEqual((whole.push(bytes), whole.place()));
        const again = createLineCleaner();
        expect([...lines, ...cut.end()]).toEqual([...again.push(bytes), ...again.end()]);
      }),
    );
  });

  it("stopped anywhere and begun anew at its place, gives every redraw and line exactly once", () => {
    fc.assert(
      fc.property(someLog, fc.array(fc.nat(300), { maxLength: 30 }), (log, grown) => {
        const bytes = encode(log);
        const seen: string[] = [];
        let place: CleanerPlace = { offset: 0, row: 0, inside: false };
        let size = 0;
        let repeats = 0;
        let behind = 0;
        const look = (final: boolean): void => {
          const cleaner = createLineCleaner({
            offset: place.offset,
            row: place.row,
            startsInside: place.inside,
            matches: (text) => (seen.push(text), false),
          });
          const lines = cleaner.push(bytes.subarray(place.offset, size));
          lines.push(...(final ? cleaner.end() : cleaner.flush()));
          for (const line of lines) {
            expect(line.start).toBeGreaterThanOrEqual(behind);
            behind = line.end ?? line.start;
            repeats += line.repeats;
          }
          place = cleaner.place();
        };
        for (const more of grown) {
          size = Math.min(bytes.length, size + more);
          look(false);
        }
        size = bytes.length;
        look(true);

        const { frames, rows } = framesOf(bytes);
        expect(seen).toEqual(frames);
        expect(repeats).toBe(frames.length);
        expect(place).toEqual({ offset: bytes.length, row: rows, inside: false });
      }),
    );
  });

  it("goes on inside a run that was cut at this very byte", () => {
    const cleaner = createLineCleaner();
    cleaner.push(new Uint8Array(limits.fragmentBytes * 2));

    expect(cleaner.place()).toEqual({ offset: limits.fragmentBytes * 2, row: 0, inside: true });
  });

  it("goes on behind or inside a run that is longer than it keeps", () => {
    const bytes = encode(`first\n${"x".repeat(200_000)}\nlast\n`);
    const before = createLineCleaner();
    const lines = [...before.push(bytes.subarray(0, 150_000)), ...before.flush()];
    const place = before.place();
    const after = createLineCleaner({ ...place, startsInside: place.inside });
    const rest = [...after.push(bytes.subarray(place.offset)), ...after.end()];

    expect(lines.map(({ text, end }) => [text.slice(0, 5), end])).toEqual([
      ["first", 6],
      ["xxxxx", null],
    ]);
    expect(place).toEqual({ offset: 150_000, row: 1, inside: true });
    expect(rest).toEqual([
      { text: "last", repeats: 1, match: false, row: 2, start: 200_007, end: 200_012, endRow: 3 },
    ]);
  });
});
