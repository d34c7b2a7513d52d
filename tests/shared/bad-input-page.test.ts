import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { failureReasons } from "@trainyard/shared/alerts/schedule.ts";
import { isErrorCode } from "@trainyard/shared/errors.ts";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs", "bad-input.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => /^\| [BZ]\d+ /.test(line))
  .map((line) => {
    const [, id = "", , answer = "", tests = ""] = line.split(/(?<!\\)\|/);
    return {
      id: id.trim(),
      codes: (answer.match(/`[A-Z][A-Z_]+`/g) ?? []).map((code) => code.slice(1, -1)),
      files: (tests.match(/`[^`]+`/g) ?? []).map((file) => `${file.slice(1, -1)}.test.ts`),
    };
  });
/** Findings about a config are no errors of the doors, and have codes of their own. */
const findings: ReadonlySet<string> = new Set(["INVALID_STEPS", "NOT_A_NUMBER"]);
const reasons: ReadonlySet<string> = new Set(failureReasons);

const idsOf = (text: string): string[] => text.match(/(?<=\[)[BZ]\d+(?=\])/g) ?? [];

describe("the page of bad input", () => {
  it("has every row once", () => {
    const all = (letter: string, count: number): string[] =>
      Array.from({ length: count }, (_, at) => `${letter}${at + 1}`);

    expect(rows.map(({ id }) => id)).toEqual([...all("B", 62), ...all("Z", 14)]);
  });

  it.each(rows)("$id names its tests, and they its code", ({ id, codes, files }) => {
    const sources = files.map((file) => {
      const path = join(root, "tests", file);
      expect(existsSync(path), file).toBe(true);
      return readFileSync(path, "utf8");
    });
    for (const source of sources) expect(idsOf(source)).toContain(id);
    for (const code of codes) {
      expect(isErrorCode(code) || findings.has(code) || reasons.has(code), code).toBe(true);
      expect(
        sources.some((source) => source.includes(code) || source.includes(markOf(code))),
        code,
      ).toBe(true);
    }
  });

  it("knows every test that names a row", () => {
    for (const file of globSync("**/*.test.ts", { cwd: join(root, "tests") })) {
      for (const id of new Set(idsOf(readFileSync(join(root, "tests", file), "utf8")))) {
        expect(rows.find((row) => row.id === id)?.files, `${id} in ${file}`).toContain(file);
      }
    }
  });
});

/** As the local way out says it to the Hub. */
function markOf(code: string): string {
  return code.toLowerCase().replaceAll("_", "-");
}
