import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLinePattern } from "../../../../shared/logs/lines/line-pattern.ts";

const matches = (source: string, text: string) => createLinePattern(source).matches(text);

describe("createLinePattern", () => {
  it.each([
    ["loss", "Loss: 1", true],
    ["error|nan", "step is NaN", true],
    ["^step \\d+$", "step 12", true],
    ["^step \\d+$", "a step 12", false],
    ["^step \\d+$", "step 12.", false],
    ["\\bnan\\b", "banana", false],
    ["\\bnan\\b", "is nan.", true],
    ["[A-C]x", "bX", true],
    ["[^0-9]5", "15", false],
    ["x{2,3}y", "axxy", true],
    ["x{2}y", "xy", false],
    ["(?:ab|c)+?d", "abcabd", true],
    ["(?i)ERR", "err", true],
    ["a.c", "a😀c", true],
    ["\\x41\\u0042", "ab", true],
    ["[]x]y", "]y", true],
  ])("%j in %j: %j", (source, text, expected) => {
    expect(matches(source, text)).toBe(expected);
  });

  it("finds a text that is no expression, or reads as another one, as it stands", () => {
    expect(matches("foo(bar", "call foo(bar)")).toBe(true);
    expect(matches("loss is nan (step 3)", "loss is nan (step 3)")).toBe(true);
    expect(matches("[00:01<00:07", "x [00:01<00:07, 1it/s]")).toBe(true);
    expect(matches("*", "a * b")).toBe(true);
    expect(matches("*", "ab")).toBe(false);
    expect(matches("| 3/500", "| 4/500")).toBe(false);
    expect(matches("| 3/500", "|#  | 3/500")).toBe(true);
  });

  it.each([
    "(?=a)b",
    "(?<!a)b",
    "(a)\\1",
    "\\p{L}",
    "((a{200}){200}){200}",
    "(((){9999}){9999}){9999}",
    "(".repeat(40),
  ])("refuses %j by name", (source) => {
    expect(() => createLinePattern(source)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });

  it("says what a backtracking engine says", () => {
    const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "\\b", "^", "$", "1");
    const quantifier = fc.constantFrom("", "", "*", "+", "?", "{2}", "{0,2}", "*?");
    const leaf = fc
      .tuple(atom, quantifier)
      .map(([what, times]) => (/^[\^$]|^\\b/.test(what) ? what : what + times));
    const joined = (part: fc.Arbitrary<string>) =>
      fc
        .array(
          fc.array(part, { maxLength: 3 }).map((parts) => parts.join("")),
          { minLength: 1, maxLength: 2 },
        )
        .map((parts) => parts.join("|"));
    const group = fc
      .tuple(joined(leaf), quantifier)
      .map(([inner, times]) => `(?:${inner})${times}`);
    const pattern = joined(fc.oneof(leaf, group));
    const line = fc.string({ unit: fc.constantFrom("a", "b", "1", " ", "A"), maxLength: 8 });
    fc.assert(
      fc.property(pattern, line, (source, text) => {
        fc.pre(source !== "");
        const real = new RegExp(source, "is");
        const expected = text.toLowerCase().includes(source) || (!real.test("") && real.test(text));
        expect(matches(source, text)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it("takes time by the line's length, whatever the pattern", () => {
    const time = (length: number) => {
      const started = performance.now();
      for (const source of ["(a+)+$", "(a|a)*b", "(a*)*(a*)*(a*)*b", "(.*a){12}b"]) {
        expect(matches(source, `${"a".repeat(length)}!`)).toBe(false);
      }
      return performance.now() - started;
    };

    // A backtracking engine needs years for the first of them already at a hundred characters.
    expect(time(50_000)).toBeLessThan(2_000);
  });
});
