import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  aggregate,
  appendMetrics,
  decodeSegment,
  emptyAggregate,
  emptySegment,
  encodeSegment,
} from "@trainyard/shared/analysis/series.ts";
import { toWireValue } from "@trainyard/shared/protocol/items.ts";

describe("a segment of series", () => {
  it("keeps steps, NaN, infinities and missing values through its binary form", () => {
    const value = fc.oneof(fc.double(), fc.constant(null));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1e9), value, value), { maxLength: 200 }), (rows) => {
        const segment = emptySegment();
        for (const [step, loss, lr] of rows) {
          appendMetrics(
            segment,
            {
              kind: "metrics",
              steps: [step],
              atMs: [1_700_000_000_000 + step],
              values: {
                ...(loss === null ? {} : { loss: [toWireValue(loss)] }),
                ...(lr === null ? {} : { "a key / with 100 %": [toWireValue(lr)] }),
              },
            },
            64,
          );
        }

        expect(decodeSegment(encodeSegment(segment))).toEqual(segment);
      }),
    );
  });

  it("[B59] stops at the bound on keys and keeps its columns equally long", () => {
    const segment = emptySegment();
    for (let i = 0; i < 5; i += 1) {
      appendMetrics(
        segment,
        { kind: "metrics", steps: [i], atMs: [i], values: { [`key ${i}`]: [i] } },
        3,
      );
    }

    expect([...segment.values.keys()]).toEqual(["key 0", "key 1", "key 2"]);
    expect([...segment.values.values()].map((column) => column.length)).toEqual([5, 5, 5]);
  });
});

describe("running facts of a key", () => {
  it("are the same in one go and in pieces", () => {
    const steps = [0, 1, 2, 3];
    const values = [null, 0.5, Number.NaN, 0.25];
    const whole = aggregate(emptyAggregate, steps, values);
    const pieces = aggregate(
      aggregate(emptyAggregate, [0, 1], [null, 0.5]),
      [2, 3],
      [Number.NaN, 0.25],
    );

    expect(whole).toEqual(pieces);
    expect(whole).toEqual({
      count: 3,
      nanCount: 1,
      first: 0.5,
      last: 0.25,
      lastStep: 3,
      min: 0.25,
      max: 0.5,
    });
  });
});
