import { describe, expect, it } from "vitest";
import { sentence } from "../../control-plane/upload-page/browser/item.ts";
import type { Item, Phase } from "../../control-plane/upload-page/browser/item.ts";
import { cleanName, freeName } from "../../control-plane/upload-page/browser/names.ts";
import {
  amountOf,
  createForecast,
  summaryOf,
  totalsOf,
} from "../../control-plane/upload-page/browser/summary.ts";
import { parseFilename } from "@trainyard/shared/names.ts";

function item(phase: Phase, bytes = 1_000_000, doneBytes = 0): Item {
  return {
    file: new File([new Uint8Array(bytes)], "a.jpg"),
    name: "a.jpg",
    phase,
    doneBytes,
    replaces: false,
    again: false,
    hashes: null,
    leaves: new AbortController(),
  };
}
const stored = { stored_bytes: 1, complete: true };
const refused: Phase = {
  kind: "refused",
  message: "It is empty.",
  hint: "Send another.",
  isFinal: false,
};

describe("a name for the box", () => {
  it.each([
    ["IMG_1.HEIC", "IMG_1.HEIC"],
    ["Фото 1 (2).jpg", "Фото 1 (2).jpg"],
    ["кошка.jpg".normalize("NFD"), "кошка.jpg"],
    ["a/b\\c:d.png", "a_b_c_d.png"],
    ["..hidden.txt. ", "hidden.txt"],
    ["evil\u202Egpj.exe.png", "evil_gpj.exe.png"],
    ["...", "file"],
    [`${"ü".repeat(300)}.jpg`, `${"ü".repeat(93)}.jpg`],
  ])("%j is %j, which it takes", (given, wanted) => {
    expect(cleanName(given)).toBe(wanted);
    expect(parseFilename(freeName(cleanName(given), (name) => name === wanted))).not.toBe(wanted);
  });

  it("that is taken gets a number before its ending", () => {
    const taken = new Set(["a.tar.gz", "a.tar-2.gz"]);

    expect(freeName("a.tar.gz", (name) => taken.has(name))).toBe("a.tar-3.gz");
    expect(freeName("README", (name) => name === "README")).toBe("README-2");
  });
});

describe("what a person reads", () => {
  it.each<[Phase, string]>([
    [{ kind: "waiting" }, "Waiting"],
    [{ kind: "held", reason: "box" }, "Waiting for the box"],
    [{ kind: "held", reason: "line" }, "Waiting for the connection"],
    [{ kind: "saved", end: { ...stored, path: "datasets/cats/a.jpg" } }, "Saved"],
    [
      { kind: "saved", end: { ...stored, path: "datasets/cats/a-2.jpg", change: "heic_to_jpeg" } },
      "Saved as a-2.jpg, converted",
    ],
    [
      { kind: "there", end: { ...stored, path: "datasets/cats/a.jpg", change: "turned_upright" } },
      "There already, turned upright",
    ],
    [
      {
        kind: "saved",
        end: {
          ...stored,
          archive: {
            files_saved: 1,
            skipped_total: 7,
            skipped: Array.from({ length: 6 }, (_, at) => ({
              filename: `${at}.pdf`,
              message: "No.",
            })),
          },
        },
      },
      "Saved: 1 file; left out 7: 0.pdf: No. 1.pdf: No. 2.pdf: No. 3.pdf: No. 4.pdf: No. …",
    ],
    [refused, "Not taken. It is empty. Send another."],
  ])("of %j", (phase, text) => {
    expect(sentence(item(phase))).toBe(text);
  });

  it("is the state of all files in one sentence", () => {
    const saved = item({ kind: "saved", end: stored });
    const summary = (...items: Item[]): string => summaryOf(totalsOf(items));

    expect(summary(saved)).toBe("The file is saved. You can close this page.");
    expect(summary(saved, saved)).toBe("All 2 files are saved. You can close this page.");
    expect(summary(saved, item(refused), item({ kind: "asking" }), item({ kind: "sending" }))).toBe(
      "1 of 4 files saved, 1 to go, 1 needs your answer, 1 not taken",
    );
  });

  it("is how much went out, and how long the rest takes once that is known", () => {
    let nowMs = 0;
    const forecast = createForecast(() => nowMs);
    const at = (doneBytes: number) =>
      totalsOf([
        item({ kind: "sending" }, 4_000_000, doneBytes),
        item({ kind: "reading" }, 1_000_000, 9),
      ]);

    expect(forecast(at(0))).toBe("");
    nowMs = 10_000;
    expect(forecast(at(500_000))).toBe("about 2 min left");
    expect(amountOf(at(500_000))).toBe("0.5 of 5.0 MB");
    nowMs = 20_000;
    expect(forecast(at(4_500_000))).toBe("");
  });
});
