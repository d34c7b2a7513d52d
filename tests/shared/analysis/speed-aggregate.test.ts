import { describe, expect, it } from "vitest";
import { addSpeed, emptySpeed, mergeSpeeds } from "@trainyard/shared/analysis/speed-aggregate.ts";
import { judgeThroughput } from "@trainyard/shared/analysis/throughput.ts";
import { config, nowMs, speedOf } from "../../support/run-facts.ts";

describe("a speed aggregate", () => {
  it("[5.1.1] knows the last value and the largest apart", () => {
    const speed = speedOf([0.9, 0.5, 0.3]);

    expect(speed).toMatchObject({ count: 3, first: 0.9, last: 0.3, min: 0.3, max: 0.9 });
    expect(judgeThroughput(speed, config)).toMatchObject({ last: 0.3, median: 0.5, max: 0.9 });
  });

  it("takes a bar that stands still, and what is no rate, for no measurement", () => {
    let speed = addSpeed(emptySpeed, 10, 0.5, nowMs);
    for (const [step, rate] of [
      [10, 0.001],
      [9, 0.5],
      [11, null],
      [null, 0.5],
      [11, 0],
      [11, Number.NaN],
      [11, Infinity],
      [11, 1e300],
    ] as const) {
      speed = addSpeed(speed, step, rate, nowMs);
    }

    expect(speed.count).toBe(1);
  });

  it("stays small over 100,000 values and keeps their mean", () => {
    const rates = Array.from({ length: 100_000 }, (_, i) => 0.2 + 0.1 * (i % 2));
    const speed = speedOf(rates);

    expect(JSON.stringify(speed).length).toBeLessThan(3_000);
    expect(speed.blocks.values.reduce((sum, n) => sum + n, 0)).toBe(100_000);
    expect(judgeThroughput(speed, config).mean).toBeCloseTo(0.25, 4);
  });

  it("adds up two attempts, bounded", () => {
    const merged = mergeSpeeds(
      speedOf(Array.from({ length: 100 }, () => 1)),
      speedOf(Array.from({ length: 100 }, () => 3)),
    );

    expect(merged).toMatchObject({ count: 200, first: 1, last: 3, min: 1, max: 3 });
    expect(merged.blocks.values.reduce((sum, n) => sum + n, 0)).toBe(200);
    expect(mergeSpeeds(emptySpeed, merged)).toBe(merged);
  });
});
