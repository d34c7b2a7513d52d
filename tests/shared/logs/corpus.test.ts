import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { analyzeLog } from "../../../shared/logs/log-reader.ts";
import { failureCategories } from "../../../shared/logs/log-report.ts";
import { type Analyze, crossValidate } from "../../eval/cross-validate.ts";
import { numbersAgree, readCases, scoreCase, summarise, toolOf } from "../../eval/score.ts";

const folder = new URL("../../fixtures/logs/", import.meta.url);
const cases = readdirSync(folder)
  .filter((name) => name.endsWith(".jsonl"))
  .flatMap((name) => readCases(readFileSync(new URL(name, folder), "utf8")));

const analyze: Analyze = (labelled, withoutRows) =>
  analyzeLog(labelled.log, { tool: toolOf(labelled), withoutRows });
const scores = cases.map((labelled) => scoreCase(labelled, analyze(labelled)));
const plain = summarise(scores);

describe("the committed corpus of real logs", () => {
  it("holds 77 labelled local runs, each once", () => {
    expect(cases).toHaveLength(77);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(77);
    expect(new Set(cases.map(({ provenance }) => provenance))).toEqual(new Set(["local-run"]));
    for (const { expect: label, log } of cases) {
      expect(failureCategories).toContain(label.category);
      expect(log).toContain(label.root_cause_line ?? "");
    }
  });

  it("is read as issue and goal ask", () => {
    expect.soft(plain.outcome).toBeGreaterThanOrEqual(0.97);
    expect.soft(plain.category).toBeGreaterThanOrEqual(0.95);
    expect.soft(plain.macroF1).toBeGreaterThanOrEqual(0.95);
    expect.soft(plain.rootCauseWhereAny).toBeGreaterThanOrEqual(0.9);
    expect.soft(plain.numbers.step).toBeGreaterThanOrEqual(0.99);
    expect.soft(plain.numbers.total).toBeGreaterThanOrEqual(0.99);
    expect.soft(plain.numbers.lr).toBeGreaterThanOrEqual(0.99);
    expect.soft(plain.numbers.loss).toBeGreaterThanOrEqual(0.97);
    expect.soft(plain.numbers.speed).toBeGreaterThanOrEqual(0.97);
  });

  it("holds no healthy log that is taken for another", () => {
    const healthy = scores.filter(({ case: one }) => one.expect.outcome === "healthy");
    expect(healthy.length).toBeGreaterThan(10);
    expect(healthy.filter(({ report }) => report.outcome !== "healthy")).toEqual([]);
  });

  it("is read nearly as well when the trainer is not said", () => {
    const unsaid = summarise(cases.map((one) => scoreCase(one, analyzeLog(one.log))));
    expect(unsaid.category).toBeGreaterThanOrEqual(0.95);
    expect(unsaid.numbers.step).toBeGreaterThanOrEqual(0.97);
  });

  it("is half known to rows that the other half could have taught", () => {
    const seeds = Array.from({ length: 5 }, (_, index) => index + 1);
    for (const seed of seeds) {
      const crossed = crossValidate(cases, seed, analyze);
      expect(crossed).toHaveLength(cases.length);
      // A failed log stays a failed one, whatever row is missing.
      expect.soft(summarise(crossed).outcome, `seed ${seed}`).toBeGreaterThanOrEqual(0.95);
      expect
        .soft(summarise(crossed.filter(({ taught }) => taught)).category, `seed ${seed}`)
        .toBeGreaterThanOrEqual(0.75);
    }
  });

  it("loses a category when the row that decides is left out", () => {
    const full = cases.find(({ expect: label }) => label.category === "disk_full");
    expect(full && analyze(full, new Set(["disk-full"])).category).not.toBe("disk_full");
  });
});

describe("numbersAgree", () => {
  it.each([
    [null, null, true],
    [null, 0, false],
    [0, null, false],
    [1, 1 + 1e-7, true],
    [1, 1 + 1e-5, false],
    [Number.NaN, 1, false],
  ])("%j and %j: %j", (found, wanted, agrees) => {
    expect(numbersAgree(found, wanted, { relative: 1e-6 })).toBe(agrees);
  });
});
