import { Parser } from "yaml";
import { describe, expect, it } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { readConfigText } from "../../../shared/training/config-text.ts";
import { readText } from "../../../control-plane/tools/config-text.ts";

const code = (text: string) => readText(text).problem?.code ?? null;
const line = (text: string) => /line (\d+)/.exec(readText(text).problem?.message ?? "")?.[1];

describe("the text of a config", () => {
  it.each([
    ["a: 1e-4\nb: 1.5\nc: 3", { a: 1e-4, b: 1.5, c: 3 }],
    ['{"a": [1, true, null]}', { a: [1, true, null] }],
    ['{\n\t"a": 1,\n\t"b": [\n\t\t1\n\t]\n}', { a: 1, b: [1] }],
    ["\ufeffa: 1\r\nb: x\r\n", { a: 1, b: "x" }],
    // As AI Toolkit reads it: sections that share values.
    ["x: &x {a: 1, b: 1}\ny:\n  <<: *x\n  b: 2", { x: { a: 1, b: 1 }, y: { a: 1, b: 2 } }],
    // A tag that only names the type a plain value has.
    ["a: !!str 5\nb: !!int '3'", { a: "5", b: 3 }],
    // Core schema: no dates, no octal by a leading zero, no yes and no.
    ["a: 2026-01-01\nb: 010\nc: no", { a: "2026-01-01", b: 10, c: "no" }],
    ["1: a", { 1: "a" }],
  ])("%j is %j", (text, document) => {
    expect(readText(text)).toEqual({ document, problem: null });
  });

  it.each([
    ["a: !!python/object/apply:os.system [id]", "YAML_TAG_REFUSED", "1"],
    ["b: 1\na: !!python/name:os.system", "YAML_TAG_REFUSED", "2"],
    ["a: !mine x", "YAML_TAG_REFUSED", "1"],
    ["a: !<tag:yaml.org,2002:python/x> y", "YAML_TAG_REFUSED", "1"],
    ["%TAG ! tag:yaml.org,2002:\n---\na: !python/x y", "YAML_TAG_REFUSED", "3"],
    ["a: !!binary aGk=", "YAML_TAG_REFUSED", "1"],
    ["a: 1\nb:\n  c: 1\n  c: 2", "YAML_DUPLICATE_KEY", "4"],
    ['{"a": 1,\n "a": 2}', "YAML_DUPLICATE_KEY", "2"],
    ['a: 1\n"a": 2', "YAML_DUPLICATE_KEY", "2"],
    ["a: [b", "INVALID_CONFIG_TYPE", "1"],
    ["a: 1\nb: 2: 3", "INVALID_CONFIG_TYPE", "2"],
    ["? [a]\n: 1", "INVALID_CONFIG_TYPE", "1"],
    ["a: 1\n---\nb: 2", "INVALID_CONFIG_TYPE", undefined],
    ["- a", "INVALID_CONFIG_TYPE", undefined],
    ["text", "INVALID_CONFIG_TYPE", undefined],
    ["", "INVALID_CONFIG_TYPE", undefined],
    ["a: *none", "YAML_ALIAS_LIMIT", undefined],
    ["a: &a [*a]", "YAML_ALIAS_LIMIT", undefined],
    ["a: &a\n  b: &b\n    c: *a", "YAML_ALIAS_LIMIT", undefined],
    [`a: &a 1\nb: [${"*a,".repeat(limits.yamlAliases + 1)}]`, "YAML_ALIAS_LIMIT", undefined],
    // Few aliases, each of two before it: ten levels would be a thousand copies.
    [
      `a: &a [x]\n${"bcdefghij"
        .split("")
        .map((key, at) => `${key}: &${key} [*${"abcdefghi"[at]}, *${"abcdefghi"[at]}]`)
        .join("\n")}`,
      "YAML_ALIAS_LIMIT",
      undefined,
    ],
    [`a: "${"x".repeat(limits.configBytes)}"`, "PAYLOAD_TOO_LARGE", undefined],
  ])("[B18] [B19] %j is refused with %s", (text, expected, inLine) => {
    expect([code(text), line(text)]).toEqual([expected, inLine]);
    expect(readText(text).problem?.fix).toBeTruthy();
  });

  it("names the tag, and takes as many aliases as are allowed", () => {
    expect(readText("a: !!python/tuple [1]").problem?.value).toBe("!!python/tuple");
    expect(code(`a: &a 1\nb: [${"*a,".repeat(limits.yamlAliases)}]`)).toBeNull();
  });

  it.each(["[", "{a: ", "- ", "? ", "a: "])(
    "[B20] a text of %j is refused before anything recurses over it",
    (piece) => {
      let composed = false;
      const text = piece.repeat(20_000);
      const { problem } = readConfigText(text, {
        tokens: (source) => [...new Parser().parse(source)],
        compose: () => {
          composed = true;
          return [];
        },
      });

      expect([problem?.code, composed]).toEqual(["JSON_TOO_DEEP", false]);
    },
  );

  it("reads as many keys as fit", () => {
    // The library's own check for duplicates compares each with each: seven seconds, and this test ends after five.
    const text = Array.from({ length: 20_000 }, (_, at) => `k${at}: ${at}`).join("\n");

    expect(Object.keys(readText(text).document ?? {})).toHaveLength(20_000);
  });

  it("[B20] keeps prototype keys as data", () => {
    const { document } = readText("__proto__: {polluted: 1}\nconstructor: 2");

    expect(Object.keys(document ?? {})).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
