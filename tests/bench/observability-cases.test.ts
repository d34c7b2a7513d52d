import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../gpu-agent/support/temporary-home.ts";
import { casesMarkdown, goldenCases, runCase } from "./observability-cases.ts";

const script = fileURLToPath(new URL("./observability.ts", import.meta.url));
const cases = goldenCases();

function run(args: readonly string[]): { readonly code: number; readonly output: string } {
  try {
    const output = execFileSync(process.execPath, [script, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { code: 0, output };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, output: stdout + stderr };
  }
}

describe("the golden cases of judging a run", () => {
  it.each(cases.map((golden) => [golden.name, golden] as const))("%s", (_, golden) => {
    const results = runCase(golden);

    expect(results.length).toBeGreaterThan(0);
    for (const { missed } of results) expect(missed).toEqual([]);
    // A case that expects nothing could not fail.
    expect(Object.keys(golden.expect).length).toBeGreaterThan(0);
  });

  it("have the kinds that matter, each once", () => {
    const names = cases.map(({ name }) => name);

    expect(new Set(names).size).toBe(names.length);
    for (const kind of ["healthy", "flat", "rising", "NaN", "spikes", "slow", "dataset", "empty"]) {
      expect(names.some((name) => name.includes(kind))).toBe(true);
    }
  });

  it("miss is told in words", () => {
    const [healthy] = cases;
    if (healthy === undefined) throw new Error("no cases");
    const [result] = runCase({
      ...healthy,
      expect: {
        health: "critical",
        trend: "rising",
        stop: true,
        evaluated: false,
        findings: ["LOSS_RISING"],
        oneOf: ["JOB_FAILED"],
        next: "memory",
      },
    });

    expect(result?.missed).toHaveLength(7);
    expect(casesMarkdown(result === undefined ? [] : [result])).toContain(
      "missed: health is healthy, expected critical",
    );
  });
});

describe("npm run benchmark:observability", () => {
  it("writes both reports where it is told, and ends well when all is as expected", () => {
    const folder = join(temporaryFolder(), "reports");
    const { code, output } = run(["--output", folder]);
    const report = JSON.parse(readFileSync(join(folder, "observability.json"), "utf8")) as {
      cases: number;
      missed: number;
      results: unknown[];
    };

    expect(code).toBe(0);
    expect(report).toMatchObject({ missed: 0, cases: report.results.length });
    expect(readFileSync(join(folder, "observability.md"), "utf8")).toContain(
      "| healthy | 1 | met |",
    );
    expect(output).toContain(folder);
  });

  it("ends with 1 when a case is missed, and with 2 when it is asked wrongly", () => {
    const folder = temporaryFolder();
    const file = join(folder, "cases.json");
    writeFileSync(file, JSON.stringify([{ ...cases[0], expect: { health: "critical" } }]));
    const missed = run(["--output", folder, "--cases", file]);

    expect(missed.code).toBe(1);
    expect(missed.output).toContain("missed: healthy, seed 1: health is healthy");
    expect(run(["--nonsense"]).code).toBe(2);
    expect(run(["--cases", join(folder, "none.json")]).code).toBe(2);
  });
});
