import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import { nextExperiment } from "@trainyard/shared/analysis/next-experiment.ts";
import { noFaults } from "@trainyard/shared/analysis/run-facts.ts";
import type { ConfigFacts, RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { simulatedLosses, white } from "../../support/loss-noise.ts";
import {
  anyRun,
  config,
  dataset,
  emptyRun,
  healthyRun,
  job,
  lossOf,
  speedOf,
} from "../../support/run-facts.ts";

const next = (facts: RunFacts) => nextExperiment(judgeRun(facts));
const flat = lossOf(simulatedLosses(white(0.3), () => () => 0, 5, 2_000));
const settled = lossOf(
  simulatedLosses(white(0.2), () => (i) => 0.8 * Math.exp(-i / 200), 5, 4_000),
);

function outOfMemory(changes: Partial<ConfigFacts>): RunFacts {
  return healthyRun({
    loss: settled,
    config: { ...config, ...changes },
    faults: { ...noFaults, oomSkipped: 5 },
  });
}

describe("the next experiment", () => {
  it("halves a batch that does not fit, and never proposes 1 for 1", () => {
    expect(next(outOfMemory({ batchSize: 4 }))).toMatchObject({
      type: "memory",
      parameter: "batch_size",
      current: 4,
      proposed: 2,
    });
    expect(next(outOfMemory({ batchSize: 1 }))).toMatchObject({
      parameter: "resolution",
      current: 768,
      proposed: 640,
    });
    expect(next(outOfMemory({ batchSize: 1, resolution: [512] }))?.type).not.toBe("memory");
  });

  it("tells memory of the GPU from memory of the host", () => {
    const failed = (category: string) =>
      next(
        emptyRun({
          config: { ...config, batchSize: 4 },
          job: { ...job, state: "failed" },
          failure: { code: "TRAINER_ERROR", category, message: "It failed.", fix: "Look." },
        }),
      );

    expect(failed("oom_gpu")).toMatchObject({ parameter: "batch_size", proposed: 2 });
    expect(failed("oom_host")).toBeNull();
    expect(failed("nan_loss")).toMatchObject({ parameter: "learning_rate" });
  });

  it("lowers a resolution to a multiple of 64 and never raises one", () => {
    const slow = (resolution: number[]) =>
      healthyRun({
        loss: settled,
        config: { ...config, resolution },
        speed: speedOf(Array.from({ length: 40 }, () => 0.012)),
      });

    expect(next(slow([1_024]))).toMatchObject({ parameter: "resolution", proposed: 832 });
    expect(next(slow([256]))?.parameter).not.toBe("resolution");
  });

  it("goes on while the loss still falls", () => {
    expect(next(healthyRun())).toMatchObject({
      type: "convergence",
      parameter: "steps",
      current: 2_000,
      proposed: 2_700,
    });
  });

  it.each([
    [{ learningRate: 5e-4 }, "learning_rate", 3.75e-4],
    [{ steps: 800 }, "steps", 1_080],
    [{}, "rank", 24],
  ])("with %o and a flat loss changes %s", (changes, parameter, proposed) => {
    const facts = healthyRun({ loss: flat, config: { ...config, ...changes } });

    expect(next(facts)).toMatchObject({ parameter, proposed });
  });

  it("repairs a poor dataset before any hyper-parameter", () => {
    const poor = { ...dataset, captioned: 0 };

    expect(next(healthyRun({ dataset: poor, loss: flat }))?.parameter).toBe("dataset_curation");
  });

  it("guesses nothing that the config does not say", () => {
    const broken = lossOf([0.3, Number.NaN, Number.NaN, Number.NaN]);

    expect(next(emptyRun({ loss: broken, job: { ...job, state: "failed" } }))).toBeNull();
    expect(next(emptyRun())).toBeNull();
  });

  it("proposes something else than what was, whatever the facts", () => {
    fc.assert(
      fc.property(anyRun, (facts) => {
        const proposal = next(facts);

        if (proposal === null) return;
        expect(proposal.proposed).not.toEqual(proposal.current);
        if (proposal.parameter === "resolution") {
          expect(proposal.proposed as number).toBeLessThan(proposal.current as number);
        }
      }),
      { numRuns: 500 },
    );
  });
});
