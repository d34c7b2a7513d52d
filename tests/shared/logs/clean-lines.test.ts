import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanLines } from "../../../shared/logs/clean-lines.ts";

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

  it("finds text in any case and gives the last lines", () => {
    const log = "Loss 1\nx\nloss 2\nLOSS 3\n";

    expect(cleanLines(log, { grep: "loss", limit: 2 }).map(({ text }) => text)).toEqual([
      "loss 2",
      "LOSS 3",
    ]);
    expect(cleanLines(log, { limit: 0 })).toEqual([]);
  });

  it("redacts, also a secret with an escape inside it, and never finds by the secret", () => {
    const log = "token hf_abcdefghijkl\u001b[0mmnopqrstuvwx\npassword swordfish\n";

    expect(cleanLines(log, { secrets: ["swordfish"] }).map(({ text }) => text)).toEqual([
      "token [redacted:hf_token]",
      "password [redacted:secret]",
    ]);
    expect(cleanLines(log, { secrets: ["swordfish"], grep: "swordfish" })).toEqual([]);
  });

  it("leaves out the beginning of a range that starts inside a line", () => {
    expect(cleanLines("cdefghij half a secret\rmore\nnext\n", { startsMidLine: true })).toEqual([
      { text: "next", repeats: 1 },
    ]);
    expect(cleanLines("no newline at all", { startsMidLine: true })).toEqual([]);
  });

  it("shortens an overlong line and hides the rest of it", () => {
    const [line, ...rest] = cleanLines(`${"x".repeat(70_000)}hf_${"y".repeat(30)}\nz\n`);

    expect([line?.text.length, rest]).toEqual([2_001, [{ text: "z", repeats: 1 }]]);
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void cleanLines(bytes)));
  });
});
