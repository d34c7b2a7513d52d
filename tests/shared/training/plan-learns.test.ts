import { describe, expect, it } from "vitest";
import { memoryNeed } from "../../../shared/training/learn-memory.ts";
import { speedOf } from "../../../shared/training/learn-speed.ts";
import { staticMemory } from "../../../shared/training/memory-table.ts";
import { cheapestFit, fitOf, usableMib } from "../../../shared/training/plan-fit.ts";
import type { TrainingLoad } from "../../../shared/training/plan-load.ts";
import { recommendPlan } from "../../../shared/training/plan.ts";
import { card, load, request, run } from "./plan-support.ts";

describe("what this box learned", () => {
  it("outweighs the table, and is named", () => {
    const plan = recommendPlan(
      request({
        experience: [run({ load: load({ resolution: 1_024, rank: 16 }), peakVramMib: 14_321 })],
      }),
    );

    expect(plan.memory).toMatchObject({
      source: "own_jobs",
      jobIds: ["job_1"],
      verdict: "fits",
      neededMib: 14_321,
    });
    expect(plan.speed).toMatchObject({ source: "own_jobs", jobIds: ["job_1"], stepsPerSecond: 2 });
    expect(recommendPlan(request()).memory.source).toBe("static_table");
    expect(plan.confidence).toBeGreaterThan(recommendPlan(request()).confidence);
  });

  it("carries a neighbour by resolution² x batch, and says how sure it is", () => {
    const far = memoryNeed(load({ resolution: 1_024, batchSize: 2 }), card, [run()]);
    const near = memoryNeed(load({ resolution: 896 }), card, [run()]);

    expect(far.source).toBe("own_jobs");
    expect(far.mib).toBeGreaterThan(near.mib ?? 0);
    expect(near.mib).toBeGreaterThan(9_000);
    expect(far.uncertaintyPct).toBeGreaterThan(near.uncertaintyPct ?? 0);
    expect(memoryNeed(load(), card, [run()])).toMatchObject({
      mib: 9_000,
      uncertaintyPct: 5,
      basis: "measured",
    });
    expect(speedOf(load({ batchSize: 2 }), card, [run()]).stepsPerSecond).toBe(1);
    expect(speedOf(load({ resolution: 384 }), card, [run()]).stepsPerSecond).toBe(8);
  });

  it("between two runs goes straight, and a card that was full is the upper one", () => {
    const flux = (resolution: number): TrainingLoad =>
      load({ family: "flux", resolution, quantize: true, lowVram: true });
    const small = run({ jobId: "job_small", load: flux(512), peakVramMib: 18_000 });
    const large = run({ jobId: "job_large", load: flux(1_024), peakVramMib: 22_000 });
    const failed = { ...large, jobId: "job_oom", outOfMemory: true, completed: false };
    const part = (640 ** 2 - 512 ** 2) / (1_024 ** 2 - 512 ** 2);

    expect(memoryNeed(flux(640), card, [large, small])).toMatchObject({
      mib: Math.round(18_000 + 4_000 * part),
      jobIds: ["job_small", "job_large"],
      source: "own_jobs",
    });
    expect(memoryNeed(flux(640), card, [failed, small])).toMatchObject({
      mib: Math.round(18_000 + (card.memoryMib - 18_000) * part),
      jobIds: ["job_small", "job_oom"],
    });
    const sure = memoryNeed(flux(640), card, [large, small]).uncertaintyPct ?? 0;
    expect(memoryNeed(flux(640), card, [failed, small]).uncertaintyPct).toBeGreaterThan(sure);
    // A run of a smaller rank was measured too low for this.
    const thin = { ...small, load: { ...flux(512), rank: 4 } };
    expect(memoryNeed(flux(640), card, [large, thin]).jobIds).toEqual(["job_small"]);
  });

  it("takes the highest of equal runs for memory and the middle one for speed", () => {
    const runs = [9_000, 9_400, 8_000].map((peakVramMib, n) =>
      run({ jobId: `job_${n}`, peakVramMib, stepsPerSecond: [1, 2, 9][n] ?? 1 }),
    );

    expect(memoryNeed(load(), card, runs)).toMatchObject({
      mib: 9_400,
      jobIds: ["job_1", "job_0", "job_2"],
    });
    expect(speedOf(load(), card, runs).stepsPerSecond).toBe(2);
  });

  it("an out-of-memory end is evidence: the load and all heavier ones do not fit", () => {
    const failed = run({
      jobId: "job_oom",
      completed: false,
      outOfMemory: true,
      peakVramMib: 24_000,
      gpuMemoryMib: 24_564,
    });
    const experience = [failed];

    expect(fitOf(load(), card, experience)).toMatchObject({
      verdict: "does_not_fit",
      need: { refutedBy: "job_oom" },
    });
    expect(fitOf(load({ batchSize: 2 }), card, experience).verdict).toBe("does_not_fit");
    // A lighter one is judged by a need that grew with what was seen.
    const lighter = fitOf(load({ resolution: 512 }), card, experience);
    expect(lighter.need.mib).toBeGreaterThan(staticMemory(load({ resolution: 512 }))?.mib ?? 0);
    expect(lighter.need).toMatchObject({ source: "own_jobs", refutedBy: null });
    // A larger card is another matter.
    expect(fitOf(load(), { name: null, memoryMib: 49_000 }, experience).verdict).not.toBe(
      "does_not_fit",
    );
  });

  it("a completed run of at least the load is proof, also without a measured peak", () => {
    const small = { name: "small", memoryMib: 9_000 };
    const proof = run({ peakVramMib: null, gpuName: "small", gpuMemoryMib: 9_000 });

    expect(fitOf(load(), small, []).verdict).toBe("does_not_fit");
    expect(fitOf(load(), small, [proof])).toMatchObject({
      verdict: "fits",
      need: { provenBy: "job_1" },
    });
    expect(fitOf(load({ resolution: 512 }), small, [proof]).verdict).toBe("fits");
    expect(fitOf(load({ resolution: 1_024 }), small, [proof]).verdict).toBe("does_not_fit");
    expect(fitOf(load(), { ...small, memoryMib: 6_000 }, [proof]).verdict).toBe("does_not_fit");
  });

  it("the peak of a run that ran out is a bound, not a measurement", () => {
    const cut = run({
      outOfMemory: true,
      completed: false,
      peakVramMib: 3_000,
      gpuMemoryMib: null,
    });

    expect(memoryNeed(load({ resolution: 512 }), card, [cut]).source).toBe("static_table");
  });

  it("speed of another card, and runs of a few steps, say nothing", () => {
    expect(speedOf(load(), card, [run({ gpuName: "Other" })]).source).toBe("static_table");
    expect(speedOf(load(), { name: "Unheard Of", memoryMib: null }, [run()]).source).toBe(
      "unknown",
    );
    expect(speedOf(load(), card, [run({ steps: 5 })]).source).toBe("static_table");
    expect(speedOf(load(), card, [run({ stepsPerSecond: 0 })]).source).toBe("static_table");
  });

  it("the time of whole runs is in the estimate", () => {
    // 1000 steps at 2 a second are 500 s; the run took 1000.
    expect(speedOf(load(), card, [run({ wallSeconds: 1_000 })])).toMatchObject({
      overheadRatio: 2,
      overheadSource: "own_jobs",
    });
    expect(speedOf(load(), card, []).overheadRatio).toBe(1.15);
  });

  it("of a family that the table does not carry is scaled upwards only", () => {
    const tiny = memoryNeed(load({ family: "tiny" }), card, [
      run({ load: load({ family: "tiny" }) }),
    ]);
    expect(tiny.mib).toBe(0);
  });
});

describe("what makes it fit", () => {
  it("is the cheapest: a slower start before anything that costs the result", () => {
    const flux = load({ family: "flux", resolution: 512, quantize: true });
    // While quantising on the card 12 billion weights stand there in 16 bits.
    const fit = cheapestFit(flux, { name: null, memoryMib: 22_000 }, []);

    expect(fit?.changes).toEqual([{ parameter: "low_vram", from: false, to: true }]);
  });

  it("keeps what is not in the way: batch goes before resolution", () => {
    const gpu = { name: null, memoryMib: 14_000 };
    const fit = cheapestFit(load({ resolution: 1_024, batchSize: 4 }), gpu, []);

    expect(fit?.changes).toEqual([{ parameter: "batch_size", from: 4, to: 1 }]);
    expect(fit?.need.mib).toBeLessThanOrEqual(usableMib(gpu.memoryMib));
  });

  it("is said for a saved config too", () => {
    const plan = recommendPlan(request({ current: load({ resolution: 1_024, batchSize: 8 }) }));

    expect(plan.current?.memory.verdict).toBe("does_not_fit");
    expect(plan.current?.changes).toEqual([{ parameter: "batch_size", from: 8, to: 2 }]);
  });

  it("where nothing does, other models are named", () => {
    const plan = recommendPlan(
      request({
        modelName: "black-forest-labs/FLUX.1-dev",
        gpu: { name: null, memoryMib: 12_288 },
      }),
    );

    expect(plan.memory.verdict).toBe("does_not_fit");
    expect(plan.wanted.changes).toBeNull();
    expect(plan.wouldFit.map(({ modelName }) => modelName)).toContain(
      "stabilityai/stable-diffusion-xl-base-1.0",
    );
    expect(plan.warnings.map(({ code }) => code)).toContain("DOES_NOT_FIT");
  });
});
