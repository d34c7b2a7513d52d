import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editCaption } from "../../../shared/dataset/caption-edit.ts";
import type { CaptionEdit } from "../../../shared/dataset/caption-edit.ts";
import { captionFromName } from "../../../shared/dataset/caption-from-name.ts";
import {
  captionTokens,
  saysTrigger,
  summarizeCaptions,
} from "../../../shared/dataset/caption-words.ts";

describe("editCaption", () => {
  it.each<readonly [string, CaptionEdit, string]>([
    ["a dog", { kind: "set", text: "a cat" }, "a cat"],
    ["a dog", { kind: "prefix", text: "zxq, " }, "zxq, a dog"],
    ["zxq, a dog", { kind: "prefix", text: "zxq, " }, "zxq, a dog"],
    ["a dog", { kind: "suffix", text: "." }, "a dog."],
    ["a.b a+b", { kind: "replace", find: ".", text: "$&" }, "a$&b a+b"],
    ["a dog, a big dog", { kind: "replace", find: "dog", text: "big dog" }, "a big dog, a big dog"],
    ["a dog", { kind: "replace", find: "", text: "x" }, "a dog"],
    ["blurry, a dog", { kind: "remove", find: "blurry, " }, "a dog"],
  ])("of %j with %j is %j", (caption, edit, after) => {
    expect(editCaption(caption, edit)).toBe(after);
  });

  it("puts nothing there twice, whatever the text", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", ",", " "), maxLength: 8 });
    const kind = fc.constantFrom("set" as const, "prefix" as const, "suffix" as const);
    fc.assert(
      fc.property(text, kind, text, (caption, kind, put) => {
        const once = editCaption(caption, { kind, text: put });
        expect(editCaption(once, { kind, text: put })).toBe(once);
      }),
    );
  });
});

describe("captionFromName", () => {
  it.each([
    ["red_fox.jpg", null, "red fox"],
    ["sub/Red-Fox 0042.JPEG", "zxq", "zxq, red fox"],
    ["IMG_20240101_1234.jpg", "zxq", "zxq, training image"],
    ["DSC_0001 copy.jpg", null, "training image"],
    ["Übung am See.png", null, "übung am see"],
    ["a b c d e f g h i j.png", null, "a b c d e f g h"],
  ])("of %s with trigger %j is %j", (path, trigger, caption) => {
    expect(captionFromName(path, trigger)).toBe(caption);
  });
});

describe("captions' words", () => {
  it("are letters and at least two more, without the words that say nothing", () => {
    expect(captionTokens("The photo of A red-fox_2 in 2024, Übung, cd")).toEqual([
      "red-fox_2",
      "übung",
    ]);
  });

  it("are counted over the whole set", () => {
    const summary = summarizeCaptions(["a red fox", "a  RED fox", "a blue whale swims"]);

    expect(summary).toMatchObject({
      captions: 3,
      tokens: 7,
      vocabulary: 5,
      uniqueRatio: 2 / 3,
      asciiRatio: 1,
      words: { count: 3, min: 3, max: 4, last: 4 },
    });
    expect(summary?.topTerms[0]).toEqual({ term: "fox", count: 2 });
    expect(summarizeCaptions([])).toBeNull();
  });

  it.each([
    ["a zxq dog", "zxq", true],
    ["ZXQ, a dog", "zxq", true],
    ["azxq", "zxq", false],
    ["zxq_2", "zxq", false],
    ["a my dog b", "my dog", true],
    ["", "zxq", false],
  ])("%j says the trigger %j: %j", (caption, trigger, said) => {
    expect(saysTrigger(caption, trigger)).toBe(said);
  });
});
