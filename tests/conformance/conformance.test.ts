import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../support/trainyard.ts";
import { serve } from "./serve.ts";
import type { Served } from "./serve.ts";
import { expectedFailures, failuresOf, rowOf, runSet, sets } from "./suite.ts";
import type { Outcome } from "./suite.ts";

// As the command prints it, without the padding that the formatter adds.
const page = readFileSync(join(root, "docs", "clients.md"), "utf8").replaceAll(/ {2,}/g, " ");

let served: Served;
const outcomes: Outcome[] = [];

beforeAll(async () => {
  served = await serve();
  outcomes.push(...(await Promise.all(sets.map((set) => runSet(served, set.entry, set.revision)))));
});
afterAll(() => served.close());

describe.each(sets)("the official conformance suite, $revision, $entry", ({ entry, revision }) => {
  const outcome = () => {
    const found = outcomes.find((one) => one.entry === entry && one.revision === revision);
    if (found === undefined) throw new Error("the suite did not run");
    return found;
  };
  const expected = expectedFailures(entry, revision);
  const isExpected = (failure: string) =>
    expected.has(failure) || expected.has(failure.split(":")[0] ?? "");

  it("came out as docs/clients.md says", () => {
    expect(page).toContain(`| ${rowOf(outcome()).join(" | ")} |`);
  });

  it("ran every scenario that the revision requires", () => {
    expect([...outcome().scenarios.keys()]).toEqual(
      expect.arrayContaining([...outcome().required]),
    );
  });

  it("fails in nothing but what is written down", () => {
    expect(failuresOf(outcome()).filter((failure) => !isExpected(failure))).toEqual([]);
  });

  it("has nothing written down that does not fail any more, and a reason for each line", () => {
    const failing = failuresOf(outcome());
    const fails = (line: string) =>
      failing.some((failure) => failure === line || failure.startsWith(`${line}:`));

    expect([...expected.keys()].filter((line) => !fails(line))).toEqual([]);
    expect([...expected].filter(([, reason]) => reason.length < 10)).toEqual([]);
  });
});

it("all that 2026-07-28 requires passes through the door", () => {
  const through = outcomes.find((one) => one.entry === "fixtures" && one.revision === "2026-07-28");
  const failing = new Set(failuresOf(through as Outcome).map((failure) => failure.split(":")[0]));

  expect(through?.required).toHaveLength(37);
  expect(through?.required.filter((scenario) => failing.has(scenario))).toEqual([]);
});
