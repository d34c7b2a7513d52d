import { describe, expect, it } from "vitest";
import { adaptiveLimits } from "@trainyard/shared/analysis/adaptive-limits.ts";
import { captionScore, datasetScore } from "@trainyard/shared/analysis/dataset-score.ts";
import { evaluate, evaluationWeights, weightsFrom } from "@trainyard/shared/analysis/evaluate.ts";
import { judgeIntelligence } from "@trainyard/shared/analysis/intelligence.ts";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import { judgedFamily, runClass, runClasses } from "@trainyard/shared/analysis/run-class.ts";
import { configFactsOf, noFaults } from "@trainyard/shared/analysis/run-facts.ts";
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { judgeThroughput, speedCurve } from "@trainyard/shared/analysis/throughput.ts";
import { simulatedLosses, white } from "../../support/loss-noise.ts";
import {
  captions,
  config,
  dataset,
  emptyRun,
  healthyRun,
  job,
  lossOf,
  speedOf,
} from "../../support/run-facts.ts";

const codes = (facts: RunFacts) => judgeRun(facts).findings.map(({ code }) => code);
const steady = (rate: number) => speedOf(Array.from({ length: 40 }, () => rate));

describe("the family and class of a run", () => {
  it.each([
    ["stabilityai/stable-diffusion-xl-base-1.0", null, "sdxl"],
    ["black-forest-labs/FLUX.1-dev", "flux", "flux_flex"],
    ["ostris/Flex.1-alpha", "flex1", "flux_flex"],
    ["black-forest-labs/FLUX.2-dev", "flux2", "flux_flex"],
    ["stabilityai/stable-diffusion-3.5-large", null, "sd3"],
    ["runwayml/stable-diffusion-v1-5", "sd15", "sd_like"],
    ["my-merge.safetensors", null, "sd_like"],
    ["Wan-AI/Wan2.1-T2V-14B", "wan21", "other"],
    ["tiny", null, "tiny"],
    [null, null, "unknown"],
  ])("[5.1.8] of %s with arch %s is %s", (model, arch, family) => {
    const document = { config: { process: [{ model: { name_or_path: model, arch } }] } };

    expect(judgedFamily(configFactsOf(document))).toBe(family);
  });

  it.each([
    [1_200, [1_024], "smoke"],
    [4_500, [1_024], "long"],
    [2_000, [512, 1_024], "highres"],
    [2_000, [768], "standard"],
    [null, null, "standard"],
  ])("with %s steps at %s is %s", (steps, resolution, expected) => {
    expect(runClass({ ...config, steps, resolution })).toBe(expected);
  });
});

describe("throughput", () => {
  it("has the seeds' curves to the last digit (peers 2.4)", () => {
    const rows = (["flux_flex", "sdxl", "sd3", "sd_like", "unknown"] as const).map((family) =>
      runClasses.map((one) => Object.values(speedCurve(family, one) ?? {})),
    );

    expect(rows[0]).toEqual([
      [0.132, 0.088, 0.0528, 0.0352, 0.0176],
      [0.165, 0.11, 0.066, 0.044, 0.022],
      [0.1188, 0.0792, 0.0475, 0.0317, 0.0158],
      [0.1782, 0.1188, 0.0713, 0.0475, 0.0238],
    ]);
    expect(rows[1]).toEqual([
      [0.168, 0.112, 0.0672, 0.0448, 0.0224],
      [0.21, 0.14, 0.084, 0.056, 0.028],
      [0.1512, 0.1008, 0.0605, 0.0403, 0.0202],
      [0.2268, 0.1512, 0.0907, 0.0605, 0.0302],
    ]);
    expect(rows[2]).toEqual(rows[1]);
    expect(rows[3]).toEqual([
      [0.24, 0.16, 0.096, 0.064, 0.032],
      [0.3, 0.2, 0.12, 0.08, 0.04],
      [0.216, 0.144, 0.0864, 0.0576, 0.0288],
      [0.324, 0.216, 0.1296, 0.0864, 0.0432],
    ]);
    expect(rows[4]).toEqual(rows[3]);
  });

  it.each([
    [0.17, "excellent", 95, "healthy"],
    [0.12, "good", 82, "healthy"],
    [0.07, "fair", 68, "healthy"],
    [0.05, "watch", 52, "healthy"],
    [0.03, "poor", 35, "slow"],
    [0.02, "very_poor", 20, "critical"],
  ])(
    "of %d it/s for a standard Flux run is %s, in score and status alike",
    (rate, band, score, status) => {
      const throughput = judgeThroughput(steady(rate), config);

      expect(throughput).toMatchObject({ band, status, score: { value: score } });
      expect(codes(healthyRun({ speed: steady(rate) })).includes("THROUGHPUT_LOW")).toBe(
        status !== "healthy",
      );
    },
  );

  it("is told and not judged for a family without figures", () => {
    const other = judgeThroughput(steady(0.001), { ...config, family: null, arch: "wan21" });

    expect(other).toMatchObject({
      median: 0.001,
      status: "unknown",
      score: { value: null, unknown: "no_curve_for_family" },
    });
  });

  it("[5.1.5] does not let one absurd rate hide a slow run", () => {
    const rates = Array.from({ length: 40 }, (_, i) => (i === 20 ? 48_000 : 0.02));

    expect(judgeThroughput(speedOf(rates), config)).toMatchObject({
      median: 0.02,
      status: "critical",
    });
  });

  it("sees a collapse and a steady course", () => {
    const collapsed = speedOf(Array.from({ length: 60 }, (_, i) => (i < 50 ? 0.2 : 0.05)));

    expect(codes(healthyRun({ speed: collapsed }))).toContain("THROUGHPUT_DROPPED");
    expect(judgeThroughput(steady(0.2), config).trend).toBe("stable");
    expect(judgeThroughput(speedOf([0.1, 0.1, 0.2, 0.2]), config).trend).toBe("speeding_up");
  });
});

describe("convergence", () => {
  const scoreOf = (losses: number[]) =>
    judgeRun(healthyRun({ loss: lossOf(losses) })).components.convergence;
  const noisy = (course: (step: number) => number, seed = 3) =>
    simulatedLosses(white(0.5), () => course, seed, 2_000);

  it("uses the whole range: 60 for flat, above 90 for a good fall, below 30 for a rise", () => {
    expect(scoreOf(noisy(() => 0)).value).toBeGreaterThan(50);
    expect(scoreOf(noisy(() => 0)).value).toBeLessThan(70);
    expect(scoreOf(noisy((i) => (-0.7 * i) / 2_000)).value).toBeGreaterThan(90);
    expect(scoreOf(noisy((i) => (0.4 * i) / 2_000)).value).toBeLessThan(30);
  });

  it("is unknown, not 50, with too few points; and 0 for a run that ends in NaN", () => {
    expect(scoreOf([0.3, 0.2, 0.1])).toMatchObject({ value: null, unknown: "too_few_points" });
    expect(scoreOf([0.3, Number.NaN, Number.NaN, Number.NaN]).value).toBe(0);
  });

  it("[5.1.3] takes one NaN step for the blip that the trainer survives", () => {
    const losses = noisy((i) => (-0.4 * i) / 2_000).map((loss, i) =>
      i === 700 ? Number.NaN : loss,
    );
    const judged = judgeRun(healthyRun({ loss: lossOf(losses) }));

    expect(judged.health).toBe("healthy");
    expect(judged.components.convergence.value).toBeGreaterThan(70);
    expect(judged.findings).toMatchObject([{ code: "LOSS_NOT_FINITE", severity: "info" }]);
  });
});

describe("stability", () => {
  it("[5.1.4] takes a survived out-of-memory batch for what it is", () => {
    const judged = judgeRun(healthyRun({ faults: { ...noFaults, oomSkipped: 1 } }));

    expect(judged.health).toBe("healthy");
    expect(judged.components.stability.value).toBe(97);
    expect(judged.findings).toMatchObject([{ code: "OUT_OF_MEMORY_SKIPPED", severity: "info" }]);
  });

  it("counts a fault once, and what the box did not at all", () => {
    const failed = healthyRun({
      job: { ...job, state: "failed" },
      faults: { ...noFaults, tracebacks: 1 },
      failure: { code: "TRAINER_ERROR", category: null, message: "It failed.", fix: "Look." },
    });

    expect(judgeRun(failed).components.stability.value).toBe(55);
    expect(
      judgeRun(healthyRun({ job: { ...job, state: "interrupted" } })).components.stability.value,
    ).toBe(100);
  });
});

describe("overfitting", () => {
  const validation = (course: (step: number) => number) =>
    judgeRun(
      healthyRun({
        validationLoss: lossOf(simulatedLosses(white(0.1), () => course, 4, 400)),
      }),
    );

  it("is seen where the validation loss rises, and in no other data", () => {
    expect(validation((i) => i / 400).overfit.verdict).toBe("overfitting");
    expect(validation((i) => -i / 400).overfit.verdict).toBe("not_seen");
    expect(judgeRun(healthyRun()).overfit).toMatchObject({
      verdict: "unknown",
      reason: "no_validation_loss",
      passesPerImage: 50,
    });
  });

  it("is a risk, told as such, after many passes over few images", () => {
    expect(codes(healthyRun({ dataset: { ...dataset, images: 4 } }))).toEqual(["MANY_PASSES"]);
  });
});

describe("the dataset and its captions", () => {
  it("score by the seeds' formula where all is known", () => {
    const poor = {
      ...dataset,
      images: 100,
      scanned: 100,
      captioned: 80,
      duplicates: 10,
      corrupt: 1,
    };

    expect(datasetScore(poor).value).toBe(70);
    expect(datasetScore(dataset).value).toBe(100);
  });

  it("name what was not looked at, and are unknown where nobody looked", () => {
    const unseen = { ...dataset, corrupt: null, duplicates: null };

    expect(datasetScore(unseen).evidence["not_checked"]).toEqual(["duplicates", "corrupt"]);
    expect(datasetScore(null)).toMatchObject({ value: null, unknown: "dataset_not_analysed" });
    expect(datasetScore({ ...dataset, captioned: null }).value).toBeNull();
    expect(datasetScore({ ...dataset, images: 0, scanned: 0 }).value).toBe(0);
  });

  it("do not call a set poor because it is large", () => {
    const small = { ...captions, tokens: 100, vocabulary: 45 };
    const large = { ...captions, tokens: 10_000, vocabulary: 2_100 };

    expect(captionScore(small).value).toBe(92);
    expect(captionScore(large).value).toBe(92);
    expect(captionScore({ ...captions, tokens: 10_000, vocabulary: 60, meanWords: 3 }).value).toBe(
      18,
    );
    expect(captionScore({ ...captions, captions: 0, tokens: 0 })).toMatchObject({
      value: null,
      unknown: "no_captions",
    });
  });
});

describe("an evaluation", () => {
  const passing = { weights: evaluationWeights, passThreshold: 70 };

  it("leaves unknown components out and says how much it knows", () => {
    const known = evaluate(judgeRun(healthyRun({ dataset: null })), passing);

    expect(known).toMatchObject({ knownWeight: 0.85, components: { dataset: null } });
    expect(known).toMatchObject({
      diagnostics: expect.arrayContaining(["Not known and not counted: dataset."]),
    });
  });

  it("takes custom weights and gives no grade for too little", () => {
    const convergenceOnly = weightsFrom({
      convergence: 1,
      stability: 0,
      speed: 0,
      dataset: 0,
      caption_quality: 0,
      nonsense: 3,
      extra: -1,
    });
    const judged = judgeRun(healthyRun());

    expect(evaluate(judged, { weights: convergenceOnly, passThreshold: 70 })).toMatchObject({
      overallScore: judged.components.convergence.value,
      knownWeight: 1,
    });
    expect(weightsFrom({ speed: -1, dataset: Number.NaN })).toEqual(evaluationWeights);
    expect(evaluate(judgeRun(emptyRun({ dataset })), passing)).toEqual({
      notEvaluated: "too_little_known",
    });
    const none = { convergence: 0, stability: 0, speed: 0, dataset: 0, caption_quality: 0 };
    expect(evaluate(judged, { weights: none, passThreshold: 0 })).toEqual({
      notEvaluated: "no_weight",
    });
  });

  it("gives no grade while the course of the loss is unknown, unless it was told not to count it", () => {
    const begun = judgeRun(healthyRun({ loss: lossOf([0.5, 0.4, 0.45]) }));

    expect(begun.components.convergence.value).toBeNull();
    expect(evaluate(begun, passing)).toEqual({ notEvaluated: "too_little_known" });
    expect(
      evaluate(begun, { ...passing, weights: { ...evaluationWeights, convergence: 0 } }),
    ).toMatchObject({ grade: expect.any(String) });
  });

  it("does not pass a failed run, whatever it scores", () => {
    const failed = evaluate(judgeRun(healthyRun({ job: { ...job, state: "failed" } })), {
      ...passing,
      passThreshold: 0,
    });

    expect(failed).toMatchObject({ passed: false });
  });
});

describe("intelligence", () => {
  it("has the seeds' adaptive limits (peers 2.7)", () => {
    const row = (family: "flux_flex" | "sdxl" | "sd_like", one: (typeof runClasses)[number]) =>
      Object.values(adaptiveLimits(family, one));

    expect(row("flux_flex", "smoke")).toEqual([66, 67, 38, 70, 65]);
    expect(row("flux_flex", "highres")).toEqual([72, 73, 30, 70, 65]);
    expect(row("flux_flex", "long")).toEqual([77, 80, 38, 73, 68]);
    expect(row("sdxl", "standard")).toEqual([75, 75, 42, 70, 65]);
    expect(row("sd_like", "long")).toEqual([78, 80, 50, 73, 68]);
  });

  it("does not take an unknown speed for a bottleneck, nor for a 0", () => {
    const judged = judgeRun(healthyRun({ speed: speedOf([]) }));
    const intelligence = judgeIntelligence(judged, null);

    expect(intelligence.components.speed).toBeNull();
    expect(intelligence.bottlenecks).toEqual([]);
    expect(intelligence.overall).toBeGreaterThan(90);
    expect(intelligence.confidence).toBe(0.83);
  });

  it("opens no gate on little knowledge, and none for a job that is broken", () => {
    expect(judgeIntelligence(judgeRun(emptyRun({ dataset })), null).gates.readyForLongRun).toBe(
      false,
    );
    const failed = judgeIntelligence(
      judgeRun(healthyRun({ job: { ...job, state: "failed" } })),
      null,
    );

    expect(failed.gates).toMatchObject({ requiresImmediateStop: true, readyForLongRun: false });
    expect(failed.bottlenecks[0]).toMatchObject({
      code: "ERROR_CRITICAL",
      confidence: 0.95,
      confidenceSource: "alert_category_max",
    });
  });

  it("names its default where no finding of the category carries a confidence", () => {
    const slowish = judgeRun(
      healthyRun({ config: { ...config, family: "sd15" }, speed: steady(0.05) }),
    );
    const weakDataset = judgeRun(
      healthyRun({ dataset: { ...dataset, lowResolution: 40, extremeAspect: 40, captions: null } }),
    );

    expect(judgeIntelligence(slowish, null).bottlenecks[0]?.confidenceSource).toBe(
      "alert_category_max",
    );
    expect(judgeIntelligence(weakDataset, null).bottlenecks[0]).toMatchObject({
      code: "DATASET_QUALITY_LOW",
      confidence: 0.72,
      confidenceSource: "severity_default",
    });
  });
});
