import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildComparison } from "@trainyard/shared/analysis/report/compare-report.ts";
import type { CompareOptions } from "@trainyard/shared/analysis/report/compare-report.ts";
import { buildReport, defaultReportInputs } from "@trainyard/shared/analysis/report/report.ts";
import type { ReportInputs, ReportOptions } from "@trainyard/shared/analysis/report/report.ts";
import { emptyLoss } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { peerSchema } from "../../../support/peer-schemas.ts";
import {
  anyRun,
  dataset,
  emptyRun,
  healthyRun,
  job,
  lossOf,
  nowMs,
} from "../../../support/run-facts.ts";

const observability = peerSchema("get-training-observability");
const comparison = peerSchema("compare-training-runs");

function options(inputs: Partial<ReportInputs> = {}): ReportOptions {
  return { nowMs, inputs: { ...defaultReportInputs, ...inputs } };
}

const compareOptions: CompareOptions = {
  nowMs,
  inputs: {
    jobIds: ["job-1"],
    requestedJobIds: [],
    logLines: 800,
    includeDataset: true,
    includeNlp: false,
    onlyTerminalRuns: false,
  },
  skippedRuns: [{ jobId: "gone", reason: "job_not_found" }],
  items: "full",
};

function nanRun(): RunFacts {
  const losses = [...Array.from({ length: 300 }, () => 0.1), Number.NaN, Number.NaN, Number.NaN];
  return healthyRun({ loss: lossOf(losses) });
}

const cases: readonly (readonly [string, RunFacts])[] = [
  ["a healthy run", healthyRun()],
  ["a job that never started", emptyRun()],
  [
    "a run that failed before its first step",
    emptyRun({
      job: { ...job, state: "failed" },
      failure: {
        code: "TRAINER_ERROR",
        category: "memory",
        message: "The GPU ran out of memory.",
        fix: "Lower the batch size.",
      },
    }),
  ],
  ["a run whose loss became NaN", nanRun()],
  ["a run whose dataset is gone", healthyRun({ dataset: { ...dataset, exists: false } })],
  ["a run whose dataset nobody looked at", healthyRun({ dataset: null })],
  ["a run with an empty dataset", healthyRun({ dataset: { ...dataset, images: 0, scanned: 0 } })],
];

/** Every number that is a score, wherever it stands: differences between runs are none. */
function scoresIn(value: unknown, isScore = false): number[] {
  if (typeof value === "number") return isScore ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    key === "delta_to_winner"
      ? []
      : scoresIn(
          one,
          /score$|^overall$|^components$/.test(key) ||
            (isScore && key !== "evidence" && key !== "weights"),
        ),
  );
}

describe("a report", () => {
  it.each(cases)("of %s is valid against the seeds' schema", (_, facts) => {
    const baselines = [healthyRun({ job: { ...job, id: "job-2" } })];
    for (const inputs of [
      {},
      { includeDataset: false, includeNlp: false },
      { includeEvaluation: false },
      { includeBaselineComparison: true, includeRawLogExcerpt: true },
    ]) {
      const report = buildReport(facts, { ...options(inputs), baselines, rawLogExcerpt: "line" });

      expect(observability(report)).toBe("");
      expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    }
  });

  it("of any facts is valid, finite, and has scores from 0 to 100", () => {
    fc.assert(
      fc.property(
        anyRun,
        fc.array(anyRun, { maxLength: 3 }),
        fc.boolean(),
        (facts, others, all) => {
          const report = buildReport(facts, {
            ...options({ includeBaselineComparison: true, includeDataset: all, includeNlp: all }),
            baselines: others,
          });

          expect(observability(report)).toBe("");
          expect(JSON.parse(JSON.stringify(report))).toEqual(report);
          for (const score of scoresIn(report)) {
            expect(score).toBeGreaterThanOrEqual(0);
            expect(score).toBeLessThanOrEqual(100);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("gives the job its place among earlier ones, or says why there is none", () => {
    const asked = { ...options({ includeBaselineComparison: true }) };
    const other = healthyRun({ job: { ...job, id: "job-2" } });
    const gone = [{ jobId: "job-3", reason: "job_not_found" }];

    const placed = buildReport(healthyRun(), {
      ...asked,
      baselines: [other],
      skippedBaselines: gone,
    });
    expect(placed.baseline_comparison).toMatchObject({
      enabled: true,
      compared_job_ids: ["job-1", "job-2"],
      skipped_baselines: [{ job_id: "job-3", reason: "job_not_found" }],
      position: { found: true, rank: 1, total: 2, percentile: 100, rank_source: "reported_rank" },
    });
    const itself = buildReport(healthyRun(), {
      ...options({ includeBaselineComparison: true, baselineLimit: 1 }),
      baselines: [healthyRun(), other],
    });
    expect(itself.baseline_comparison).toMatchObject({ compared_job_ids: ["job-1", "job-2"] });
    expect(buildReport(healthyRun(), asked).baseline_comparison).toMatchObject({
      error: "insufficient_baseline_runs",
    });
    expect(
      buildReport(emptyRun(), { ...asked, baselines: [other] }).baseline_comparison,
    ).toMatchObject({ error: "target_run_unavailable", target_job_id: "job-1" });
  });

  it("has room in one answer, with five baselines too", () => {
    const baselines = [2, 3, 4, 5, 6].map((n) => healthyRun({ job: { ...job, id: `job-${n}` } }));
    const report = buildReport(healthyRun(), {
      ...options({ includeBaselineComparison: true }),
      baselines,
    });

    expect(JSON.stringify(report).length).toBeLessThan(limits.fullCharacters);
  });

  it("[5.1.7] gives a run without a fault the full range: grade A and convergence above 90", () => {
    const report = buildReport(healthyRun(), options());

    expect(report.evaluation).toMatchObject({ grade: "A", passed: true, known_weight: 1 });
    expect(report.run_report.metrics.convergence_score).toBeGreaterThan(90);
    expect(report.overall_health).toBe("healthy");
    expect(report.intelligence.decision_gates).toMatchObject({
      requires_immediate_stop: false,
      ready_for_long_run: true,
      safe_to_export: true,
    });
  });

  it("keeps unknown unknown: no 0 and no 50 for what was not seen", () => {
    const report = buildReport(emptyRun(), options());

    expect(report.run_report.metrics).toMatchObject({
      convergence_score: null,
      stability_score: null,
      speed_score: null,
      dataset_quality_score: null,
      caption_quality_score: null,
    });
    expect(report.evaluation).toEqual({ skipped: true });
    expect(report.next_experiment).toEqual({ skipped: true });
    expect(report.intelligence.scores.overall).toBeNull();
    expect(report.intelligence.context.evaluation_skipped).toBe("too_little_known");
    expect(report.intelligence.bottlenecks).toEqual([]);
    expect(report.overall_health).toBe("unknown");
  });

  it("of a NaN run is critical, ungraded above F, and asks for a stop", () => {
    const report = buildReport(nanRun(), options());

    expect(report.overall_health).toBe("critical");
    expect(report.evaluation).toMatchObject({
      passed: false,
      components: { convergence: 0, stability: 10 },
    });
    expect(buildReport(nanRun(), options({ passThreshold: 0 })).evaluation).toMatchObject({
      passed: false,
    });
    expect(report.intelligence.decision_gates.requires_immediate_stop).toBe(true);
    expect(report.intelligence.bottlenecks[0]).toMatchObject({
      code: "QUALITY_NUMERICAL",
      confidence: 0.98,
      confidence_source: "alert_category_max",
    });
    expect(report.next_experiment).toMatchObject({ parameter: "learning_rate", proposed: 7e-5 });
  });

  it("names the rule and the evidence of every score", () => {
    const { scores } = buildReport(healthyRun(), options()).run_report;

    expect(Object.values(scores).map(({ rule }) => rule)).toEqual([
      "convergence_v2",
      "stability_v2",
      "throughput_bands_v2",
      "dataset_quality_v2",
      "caption_quality_v2",
    ]);
    for (const { evidence } of Object.values(scores)) {
      expect(Object.keys(evidence).length).toBeGreaterThan(2);
    }
  });
});

describe("a comparison", () => {
  const slow = healthyRun({ job: { ...job, id: "job-2" }, loss: lossOf(flat()) });

  function flat(): number[] {
    return Array.from({ length: 500 }, (_, i) => 0.2 + 0.01 * (i % 7));
  }

  it.each(["full", "compact"] as const)(
    "with %s items is valid against the seeds' schema",
    (items) => {
      const { report } = buildComparison([healthyRun(), slow], { ...compareOptions, items });

      expect(comparison(report)).toBe("");
      expect(report?.ranking.winner_job_id).toBe("job-1");
      expect(report?.ranking.ranking.map((run) => run.delta_to_winner.total_band)).toEqual([
        "negligible",
        "large",
      ]);
      expect(report?.skipped_runs).toEqual([{ job_id: "gone", reason: "job_not_found" }]);
    },
  );

  it("of any runs is valid, or says that nothing could be ranked", () => {
    fc.assert(
      fc.property(fc.array(anyRun, { maxLength: 5 }), (runs) => {
        const { report, skipped } = buildComparison(runs, compareOptions);

        if (report !== null) expect(comparison(report)).toBe("");
        expect((report?.compared_count ?? 0) + skipped.length).toBe(runs.length + 1);
      }),
      { numRuns: 200 },
    );
  });

  it("skips a run that has too little to be ranked by, and says what is missing", () => {
    const { report, skipped } = buildComparison(
      [emptyRun({ loss: emptyLoss, job: { ...job, id: "job-9", state: "queued" } })],
      compareOptions,
    );

    expect(report).toBeNull();
    expect(skipped[1]).toEqual({
      job_id: "job-9",
      reason: "insufficient_evidence",
      missing: ["convergence", "speed", "stability"],
    });
  });
});
