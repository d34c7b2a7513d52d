import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addLosses,
  emptyLoss,
  mergeLosses,
} from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import type { LossAggregate } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { noises, simulatedLosses, white } from "../../../support/loss-noise.ts";
import { lossOf } from "../../../support/run-facts.ts";

function stepsOf(values: readonly unknown[], from = 0): number[] {
  return values.map((_, i) => from + i);
}

function pointsIn({ blocks }: LossAggregate): number {
  return blocks.points.reduce((sum, n) => sum + n, 0);
}

describe("a loss aggregate", () => {
  it("is the same in one go and in pieces, and plain JSON", () => {
    const value = fc.oneof(
      fc.double({ min: 1e-3, max: 10, noNaN: true }),
      fc.double(),
      fc.constant(null),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 700 }), fc.nat(700), (values, cut) => {
        const steps = stepsOf(values);
        const whole = addLosses(emptyLoss, steps, values);
        const pieces = addLosses(
          addLosses(emptyLoss, steps.slice(0, cut), values.slice(0, cut)),
          steps.slice(cut),
          values.slice(cut),
        );

        expect(pieces).toEqual(whole);
        expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
      }),
    );
  });

  it("stays under 8 KB and finds the mean and the scatter, over 300,000 points", () => {
    const losses = simulatedLosses(white(0.5), () => () => 0, 3, 300_000);
    const aggregate = addLosses(emptyLoss, stepsOf(losses, 9_000_000), losses);
    const meanLog =
      aggregate.blocks.meanLog.reduce(
        (sum, mean, i) => sum + mean * (aggregate.blocks.points[i] as number),
        0,
      ) / aggregate.usable;

    expect(JSON.stringify(aggregate).length).toBeLessThan(8_000);
    expect(aggregate.blocks.points.length).toBeLessThanOrEqual(limits.lossBlocks);
    expect(pointsIn(aggregate)).toBe(300_000);
    expect(Math.abs(meanLog - Math.log(0.12))).toBeLessThan(0.005);
    expect(Math.abs(aggregate.running.scale - 0.5)).toBeLessThan(0.15);
  });

  it("does not change what it was given", () => {
    const before = lossOf([0.3, 0.2]);
    const copy = structuredClone(before);
    addLosses(before, [2, 3], [0.1, Number.NaN]);

    expect(before).toEqual(copy);
  });

  it("counts NaN, infinities and losses without a logarithm apart", () => {
    const aggregate = lossOf([0.5, Number.NaN, Infinity, -Infinity, 0, -1, null, 0.25, Number.NaN]);

    expect(aggregate).toMatchObject({
      count: 8,
      usable: 2,
      nanCount: 2,
      infCount: 2,
      nonPositiveCount: 2,
      firstNonFiniteStep: 1,
      lastNonFiniteStep: 8,
      nonFiniteTail: 1,
      first: 0.5,
      last: 0.25,
      lastStep: 7,
      min: -1,
      max: 0.5,
    });
    expect(pointsIn(aggregate)).toBe(2);
  });

  it("lets one wild step move its block by less than a tenth of what it weighs", () => {
    const losses = simulatedLosses(white(0.3), () => () => 0, 5, 1_000);
    const wild = losses.map((loss, i) => (i === 500 ? loss * 1e6 : loss));
    const [plain, moved] = [lossOf(losses), lossOf(wild)];
    const shift = Math.max(
      ...plain.blocks.meanLog.map((mean, i) =>
        Math.abs((moved.blocks.meanLog[i] as number) - mean),
      ),
    );

    expect(moved.max).toBe(wild[500]);
    expect(shift).toBeLessThan((0.1 * Math.log(1e6)) / plain.blockPoints);
  });

  it("tells bursts of spikes from lone wild steps", () => {
    const heavy = lossOf(simulatedLosses(noises["Student t3, sd 0.5"], () => () => 0, 11, 5_000));
    const quiet = simulatedLosses(white(0.3), () => () => 0, 12, 1_000);
    const burst = lossOf(quiet.map((loss, i) => (i >= 600 && i < 606 ? loss * 40 : loss)));

    expect(heavy.spikes.steps).toBeGreaterThan(0);
    expect(heavy.spikes.clusters).toBe(0);
    expect(burst.spikes).toMatchObject({ clusters: 1, lastClusterStep: 603 });
  });
});

describe("two attempts of a job", () => {
  it("count once: what a resume ran again is the later attempt's", () => {
    const first = lossOf(Array.from({ length: 1_000 }, () => 0.4));
    const second = lossOf(
      Array.from({ length: 500 }, () => 0.2),
      800,
    );
    const merged = mergeLosses(first, second);

    expect(merged.blocks.startStep.every((step, i, all) => i === 0 || step > all[i - 1]!)).toBe(
      true,
    );
    expect(merged).toMatchObject({ first: 0.4, last: 0.2, lastStep: 1_299, min: 0.2, max: 0.4 });
    // Whole blocks of the first attempt end before step 800; at most one block's points are given up.
    expect(pointsIn(merged)).toBeGreaterThan(1_300 - first.blockPoints - 1);
    expect(pointsIn(merged)).toBeLessThanOrEqual(1_300);
  });

  it("forget NaN that a resume from before them ran again, and keep those it did not", () => {
    const steady = (count: number) => Array.from({ length: count }, () => 0.3);
    const broken = lossOf([...steady(500), Number.NaN, Number.NaN, Number.NaN]);

    expect(mergeLosses(broken, lossOf(steady(300), 400))).toMatchObject({
      nanCount: 0,
      nonFiniteTail: 0,
      lastNonFiniteStep: null,
      count: 800,
    });
    expect(mergeLosses(broken, lossOf(steady(300), 503))).toMatchObject({
      nanCount: 3,
      lastNonFiniteStep: 502,
      count: 803,
    });
    expect(mergeLosses(broken, lossOf([0.2, 0.1]))).toMatchObject({ first: 0.2, firstStep: 0 });
  });

  it("stay bounded however often they are merged, and can grow on", () => {
    let merged = emptyLoss;
    for (let attempt = 0; attempt < 40; attempt += 1) {
      merged = mergeLosses(
        merged,
        lossOf(
          Array.from({ length: 130 }, () => 0.3),
          attempt * 130,
        ),
      );
    }
    merged = addLosses(merged, [9_000], [0.3]);

    expect(merged.blocks.points.length).toBeLessThanOrEqual(limits.lossBlocks);
    expect(merged.usable).toBe(40 * 130 + 1);
    expect(pointsIn(merged)).toBe(40 * 130 + 1);
    expect(mergeLosses(merged, emptyLoss)).toBe(merged);
    expect(mergeLosses(emptyLoss, merged)).toBe(merged);
  });
});
