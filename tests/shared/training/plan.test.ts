import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BoxExperience } from "../../../shared/training/box-experience.ts";
import { type PlanFamilyName, planFamilies } from "../../../shared/training/plan-families.ts";
import { cheapestFit, fitOf } from "../../../shared/training/plan-fit.ts";
import type { TrainingLoad } from "../../../shared/training/plan-load.ts";
import type { PlanRequest } from "../../../shared/training/plan-request.ts";
import { goalProfile, stepsByImages, stepsFor } from "../../../shared/training/plan-recipe.ts";
import { recommendPlan } from "../../../shared/training/plan.ts";
import { card, request } from "./plan-support.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
const names = Object.keys(planFamilies) as PlanFamilyName[];
const codes = (more: Partial<PlanRequest> = {}): string[] =>
  recommendPlan(request(more)).warnings.map(({ code }) => code);

describe("any request", () => {
  const number = (max: number) => fc.double({ min: 0.1, max, noNaN: true });
  const anyLoad = fc.record<TrainingLoad>({
    family: fc.constantFrom(...names),
    resolution: fc.integer({ min: 8, max: 4_096 }),
    batchSize: fc.integer({ min: 1, max: 64 }),
    rank: fc.integer({ min: 1, max: 512 }),
    quantize: fc.boolean(),
    lowVram: fc.boolean(),
    frames: fc.integer({ min: 1, max: 200 }),
  });
  const anyRun = fc.record<BoxExperience>({
    jobId: fc.string({ minLength: 1, maxLength: 8 }),
    load: anyLoad,
    gpuName: fc.option(fc.constantFrom(card.name, "Other")),
    gpuMemoryMib: fc.option(fc.integer({ min: 1_000, max: 200_000 })),
    peakVramMib: fc.option(fc.integer({ min: 1, max: 200_000 })),
    peakVramOf: fc.constantFrom("process", "gpu", null),
    stepsPerSecond: fc.option(fc.double({ min: 0, max: 1e4, noNaN: true })),
    steps: fc.integer({ min: 0, max: 1e7 }),
    completed: fc.boolean(),
    outOfMemory: fc.boolean(),
    wallSeconds: fc.option(fc.double({ min: 0, max: 1e7, noNaN: true })),
  });
  const anyRequest = fc.record<PlanRequest>({
    goal: fc.oneof(fc.string(), fc.constantFrom("a style", "FLUX portrait")),
    modelName: fc.option(
      fc.oneof(
        fc.constantFrom(...names.map((name) => planFamilies[name].defaultModel)),
        fc.string(),
      ),
    ),
    arch: fc.option(fc.oneof(fc.constantFrom("flux", "wan21:1b", "nope"), fc.string())),
    images: fc.option(fc.integer({ min: 0, max: 1e6 })),
    captionCoveragePct: fc.option(fc.double({ min: 0, max: 100, noNaN: true })),
    duplicates: fc.option(fc.nat()),
    timeBudgetMinutes: fc.option(number(1e6)),
    targetVramGb: fc.option(number(1e4)),
    gpu: fc.record({
      name: fc.option(fc.constantFrom(card.name, "Unheard Of 1")),
      memoryMib: fc.option(fc.integer({ min: 1, max: 300_000 })),
    }),
    experience: fc.array(anyRun, { maxLength: 6 }),
    current: fc.option(anyLoad),
  });

  it(`gives a plan that can be trained (seed ${seed})`, () => {
    fc.assert(
      fc.property(anyRequest, (asked) => {
        const plan = recommendPlan(asked);
        const family = plan.family ?? planFamilies.sd15;

        expect(plan.alternatives).toHaveLength(3);
        expect(plan.confidence).toBeGreaterThanOrEqual(0.1);
        expect(plan.confidence).toBeLessThanOrEqual(0.95);
        for (const profile of plan.alternatives) {
          expect(profile.resolution % family.bucketStep).toBe(0);
          expect(profile.resolution).toBeGreaterThanOrEqual(family.minResolution);
          expect(profile.resolution).toBeLessThanOrEqual(family.nativeResolution);
          for (const whole of [profile.steps, profile.batchSize, profile.rank, profile.alpha]) {
            expect(whole).toBeGreaterThanOrEqual(1);
            expect(Number.isSafeInteger(whole)).toBe(true);
          }
          expect(profile.learningRate).toBeGreaterThan(0);
          expect(profile.learningRate).toBeLessThanOrEqual(1e-3);
          if (profile.withinBudget === true) {
            expect(profile.estimatedMinutes).toBeLessThanOrEqual(
              (asked.timeBudgetMinutes ?? 0) + 0.1,
            );
          }
        }
        // A budget is kept, or the answer says why not.
        const found = plan.warnings.map(({ code }) => code);
        if (asked.timeBudgetMinutes !== null && plan.recommended.withinBudget !== true) {
          expect(found).toContain(
            plan.recommended.withinBudget === null
              ? "TIME_BUDGET_UNCHECKED"
              : "TIME_BUDGET_NOT_KEPT",
          );
        }
        // A figure has its source, and own jobs are named.
        expect(plan.memory.source === "unknown").toBe(
          plan.memory.neededMib === null && plan.memory.jobIds.length === 0,
        );
        expect(plan.memory.source === "own_jobs").toBe(plan.memory.jobIds.length > 0);
        expect(plan.speed.source === "own_jobs").toBe(plan.speed.jobIds.length > 0);
        expect(plan.speed.source === "unknown").toBe(plan.speed.stepsPerSecond === null);
        if (plan.memory.verdict === "fits" && plan.memory.provenBy === null) {
          expect(plan.memory.neededMib).toBeLessThanOrEqual(plan.memory.availableMib ?? Infinity);
        }
        expect(plan.rationale).toHaveLength(4);
        // Every number is one that JSON has.
        expect(JSON.parse(JSON.stringify(plan))).toEqual(
          JSON.parse(
            JSON.stringify(plan, (_, value: unknown) => {
              if (typeof value === "number") expect(Number.isFinite(value)).toBe(true);
              return value;
            }),
          ),
        );
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it(`after the cheapest change does fit, and lost nothing it need not (seed ${seed})`, () => {
    fc.assert(
      fc.property(anyLoad, fc.integer({ min: 4_000, max: 90_000 }), (wanted, memoryMib) => {
        const gpu = { name: null, memoryMib };
        const fit = cheapestFit(wanted, gpu, []);
        if (fit === null) return;
        expect(fit.verdict).not.toBe("does_not_fit");
        for (const { parameter, from } of fit.changes) {
          if (parameter === "resolution" || parameter === "rank") continue;
          const key = (
            { low_vram: "lowVram", batch_size: "batchSize", quantize: "quantize" } as const
          )[parameter];
          expect(fitOf({ ...fit.load, [key]: from }, gpu, []).verdict).toBe("does_not_fit");
        }
      }),
      { seed, numRuns: 2_000 },
    );
  });
});

describe("what the peers got wrong", () => {
  it("a goal is read by whole words", () => {
    expect(goalProfile("lifestyle photos")).toBe("general");
    expect(goalProfile("a logotype")).toBe("general");
    expect(goalProfile("the personal archive")).toBe("general");
    expect(goalProfile("watercolour Style")).toBe("style");
    expect(goalProfile("portraits of my sister")).toBe("character");
    expect(goalProfile("our product")).toBe("object");
  });

  it("one picture more does not double the run", () => {
    for (let images = 1; images < 3_000; images += 1) {
      const [here, next] = [stepsFor(images, 1), stepsFor(images + 1, 1)];
      expect(next).toBeGreaterThanOrEqual(here);
      expect(next / here).toBeLessThanOrEqual(1.2);
    }
    for (const [images, steps] of stepsByImages) expect(stepsFor(images, 1)).toBe(steps);
  });

  it("a clipped run says so, and a kept budget is kept", () => {
    const plan = recommendPlan(request({ timeBudgetMinutes: 10 }));

    expect(plan.recommended).toMatchObject({ clipped: true, withinBudget: true });
    expect(plan.recommended.estimatedMinutes).toBeLessThanOrEqual(10);
    expect(codes({ timeBudgetMinutes: 10 })).toContain("CLIPPED");
    expect(codes({ timeBudgetMinutes: 10_000 })).not.toContain("CLIPPED");
    expect(codes({ timeBudgetMinutes: 0.1 })).toContain("TIME_BUDGET_NOT_KEPT");
  });

  it("under a budget the careful profile gives up steps before resolution, as the others do", () => {
    const plan = recommendPlan(
      request({ modelName: "black-forest-labs/FLUX.1-dev", timeBudgetMinutes: 60 }),
    );
    const [, balanced, quality] = plan.alternatives;

    expect(quality?.resolution).toBeGreaterThanOrEqual(balanced?.resolution ?? Infinity);
    for (const { steps } of plan.alternatives) expect(steps % 10).toBe(0);
  });

  it("time depends on the card", () => {
    const slow = recommendPlan(
      request({ gpu: { name: "NVIDIA GeForce RTX 3060", memoryMib: 24_564 } }),
    );
    const fast = recommendPlan(request());

    expect(slow.recommended.estimatedMinutes).toBeGreaterThan(
      3 * (fast.recommended.estimatedMinutes ?? Infinity),
    );
    expect(codes({ gpu: { name: "Unheard Of", memoryMib: 24_564 } })).toContain("SPEED_UNKNOWN");
  });

  it("a budget without a known speed is not called kept", () => {
    const unknown = { gpu: { name: "Unheard Of", memoryMib: 24_564 }, timeBudgetMinutes: 5 };

    expect(codes(unknown)).toContain("TIME_BUDGET_UNCHECKED");
    expect(recommendPlan(request(unknown)).recommended.withinBudget).toBeNull();
  });

  it("a card nobody named is an assumption, and the verdict stays unknown", () => {
    const plan = recommendPlan(request({ gpu: { name: null, memoryMib: null } }));

    expect(plan).toMatchObject({
      vramGb: 16,
      vramSource: "assumed",
      memory: { verdict: "unknown" },
    });
    expect(plan.warnings.map(({ code }) => code)).toContain("VRAM_ASSUMED");
  });

  it("the quick profile trains less, not less and weaker", () => {
    const [fast, balanced, quality] = recommendPlan(request()).alternatives;

    expect(fast?.learningRate).toBe(balanced?.learningRate);
    expect(fast?.steps).toBeLessThan(balanced?.steps ?? 0);
    expect(quality?.steps).toBeGreaterThan(balanced?.steps ?? 0);
    expect(quality?.learningRate).toBeLessThan(balanced?.learningRate ?? 0);
  });
});
