import { describe, expect, it } from "vitest";
import { bandOf, positionIn, rankRuns } from "@trainyard/shared/analysis/compare.ts";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { simulatedLosses, white } from "../../support/loss-noise.ts";
import { config, emptyRun, healthyRun, job, lossOf, speedOf } from "../../support/run-facts.ts";

function run(id: string, fall: number, rate: number, changes: Partial<RunFacts> = {}): RunFacts {
  const losses = simulatedLosses(white(0.3), () => (i) => (-fall * i) / 2_000, 5, 2_000);
  return healthyRun({
    job: { ...job, id },
    loss: lossOf(losses),
    speed: speedOf(Array.from({ length: 40 }, () => rate)),
    ...changes,
  });
}

function ranked(...runs: RunFacts[]) {
  const { ranking } = rankRuns(runs.map(judgeRun));
  if (ranking === null) throw new Error("nothing was ranked");
  return ranking;
}

describe("a ranking", () => {
  it("puts the better run first and tells by how much", () => {
    const ranking = ranked(run("flat", 0, 0.2), run("falls", 0.6, 0.2));

    expect(ranking.runs.map(({ jobId }) => jobId)).toEqual(["falls", "flat"]);
    expect(ranking.runs[0]?.delta).toMatchObject({ total: 0, totalBand: "negligible" });
    expect(ranking.runs[1]?.delta.components.convergence).toBeLessThan(-20);
    expect(ranking.runs[1]?.delta.componentBands).toMatchObject({
      convergence: "large",
      speed: "negligible",
    });
    expect(ranking.scoreSpread).toBeCloseTo(ranking.winnerScore - (ranking.runs[1]?.total ?? 0), 6);
  });

  it("does not change a score or a winner when a third run joins", () => {
    const [a, b, c] = [run("a", 0.5, 0.12), run("b", 0.3, 0.17), run("c", 0.1, 3)];
    const two = new Map(ranked(a, b).runs.map(({ jobId, total }) => [jobId, total]));
    const three = new Map(ranked(a, b, c).runs.map(({ jobId, total }) => [jobId, total]));

    expect(three.get("a")).toBe(two.get("a"));
    expect(three.get("b")).toBe(two.get("b"));
  });

  it("measures against the fastest where a family has no curve, in proportion", () => {
    const tiny = { config: { ...config, family: "tiny" as const } };
    const ranking = ranked(run("a", 0.5, 50, tiny), run("b", 0.5, 49.5, tiny));

    expect(ranking.speedRule).toBe("relative_rate_v2");
    expect(ranking.runs.map(({ components }) => components.speed)).toEqual([100, 99]);
  });

  it("gives the dataset no weight where it is unknown", () => {
    const ranking = ranked(run("a", 0.5, 0.2, { dataset: null }), run("b", 0.5, 0.2));
    const a = ranking.runs.find(({ jobId }) => jobId === "a");

    expect(a?.weights).toEqual({
      convergence: 0.4444,
      speed: 0.2222,
      stability: 0.3333,
      dataset: 0,
    });
    expect(a?.components.dataset).toBeNull();
    expect(a?.delta.componentBands.dataset).toBeNull();
  });

  it("lists a job once, and skips what cannot be ranked", () => {
    const { ranking, skipped } = rankRuns(
      [
        run("a", 0.5, 0.2),
        run("a", 0.5, 0.2),
        emptyRun({ job: { ...job, id: "e", state: "queued" } }),
      ].map(judgeRun),
    );

    expect(ranking?.runs).toHaveLength(1);
    expect(skipped).toEqual([
      { jobId: "a", reason: "listed_twice", missing: [] },
      {
        jobId: "e",
        reason: "insufficient_evidence",
        missing: ["convergence", "speed", "stability"],
      },
    ]);
    expect(rankRuns([])).toEqual({ ranking: null, skipped: [] });
  });

  it.each([
    [0, "negligible"],
    [-2, "negligible"],
    [2.01, "moderate"],
    [-8, "moderate"],
    [8.01, "large"],
  ])("calls a difference of %d %s", (delta, band) => {
    expect(bandOf(delta)).toBe(band);
  });

  it("has a place for each: rank and percentile", () => {
    const ranking = ranked(run("a", 0.6, 0.2), run("b", 0.3, 0.2), run("c", 0, 0.2));

    expect(positionIn(ranking, "a")).toMatchObject({ rank: 1, total: 3, percentile: 100 });
    expect(positionIn(ranking, "b")).toMatchObject({ rank: 2, percentile: 50 });
    expect(positionIn(ranking, "c")).toMatchObject({ rank: 3, percentile: 0 });
    expect(positionIn(ranking, "d")).toBeNull();
    expect(positionIn(ranked(run("a", 0.6, 0.2)), "a")?.percentile).toBe(100);
  });
});
