import { catalog } from "@trainyard/shared/tools/registry.ts";
import { describe, expect, it } from "vitest";
import { fitAnswer } from "../../../control-plane/http/fit-answer.ts";

const log = (count: number) => ({
  job_id: "job_1",
  logs: Array.from({ length: count }, (_, n) => `line ${n} ${"x".repeat(60)}`),
  total_lines: count,
  truncated: false,
  source: "agent",
  first_error: null,
  observed_at: null,
  connectivity: "live",
});

describe("an answer that is too long for a client", () => {
  it("is left alone when it fits", () => {
    const answer = { data: log(10), text: "Ten lines." };

    expect(fitAnswer(catalog["get-training-logs"], answer, 24_000)).toBe(answer);
  });

  it("loses the old lines of a log, says so, and is still what its contract says", () => {
    const { data, text } = fitAnswer(
      catalog["get-training-logs"],
      { data: log(2_000), text: "Many lines." },
      24_000,
    );
    const logs = data["logs"] as string[];

    expect(JSON.stringify(data).length + text.length).toBeLessThanOrEqual(24_000);
    expect(logs.length).toBeGreaterThan(200);
    expect(logs.at(-1)).toContain("line 1999");
    expect(data["truncated"]).toBe(true);
    expect(text).toContain(`${logs.length} of 2000 logs`);
    expect(catalog["get-training-logs"].output.safeParse(data).success).toBe(true);
  });

  it("loses optional fields when its lists are not what is long", () => {
    const data = {
      name: "a",
      trainer: "tiny",
      updated_at: new Date(0).toISOString(),
      origin: "edge",
      path: "config/a.yaml",
      config: { text: "x".repeat(20_000) },
      yaml: "x".repeat(20_000),
    };
    const fitted = fitAnswer(catalog["get-config"], { data, text: "A config." }, 24_000);

    expect(Object.keys(fitted.data)).toHaveLength(6);
    expect(JSON.stringify(fitted.data).length).toBeLessThan(24_000);
    expect(catalog["get-config"].output.safeParse(fitted.data).success).toBe(true);
  });

  it("ends also where nothing can be cut", () => {
    const data = { ...log(1), first_error: "x".repeat(30_000) };

    expect(
      fitAnswer(catalog["get-training-logs"], { data, text: "t" }, 24_000).data["truncated"],
    ).toBe(true);
  });
});
