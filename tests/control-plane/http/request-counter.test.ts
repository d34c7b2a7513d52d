import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRequestCounter } from "../../../control-plane/http/request-counter.ts";

const rule = { maxRequests: 3, windowMs: 60_000 };
const start = 60_000_000;

describe("a request counter", () => {
  it("lets a window's requests through and then says how long to wait", () => {
    const counter = createRequestCounter(rule, 10);
    const answers = [0, 1, 2, 3].map((at) => counter.take("a", start + at));

    expect(answers.slice(0, 3)).toEqual([null, null, null]);
    // The next window begins in 59,997 ms, and there a third of it fades one of the three.
    expect(answers[3]).toBe(79_997);
    expect(counter.take("b", start + 4)).toBeNull();
  });

  it("counts no refused request: after the wait it goes on", () => {
    const counter = createRequestCounter(rule, 10);
    for (let i = 0; i < 100; i += 1) counter.take("a", start);

    expect(counter.take("a", start + 79_000)).toBe(1_000);
    expect(counter.take("a", start + 80_000)).toBeNull();
  });

  it("lets no double amount through around the edge of a window", () => {
    const counter = createRequestCounter(rule, 10);
    const through = [59_990, 59_995, 59_999, 60_001, 60_005, 60_010].filter(
      (at) => counter.take("a", start + at) === null,
    );

    expect(through).toHaveLength(3);
  });

  it("starts anew after two silent windows", () => {
    const counter = createRequestCounter(rule, 10);
    for (const at of [0, 1, 2]) counter.take("a", start + at);

    expect(counter.take("a", start + 120_000)).toBeNull();
  });

  it("gives nothing for a clock that was set back", () => {
    const counter = createRequestCounter(rule, 10);
    for (const at of [0, 1, 2]) counter.take("a", start + at);

    expect(counter.take("a", start - 600_000)).not.toBeNull();
  });

  it("[W23] remembers so many clients and no more, and forgets the most silent", () => {
    const counter = createRequestCounter({ ...rule, maxRequests: 1 }, 100);
    counter.take("busy", start);
    let forgotten = 0;
    for (let i = 0; i < 10_000; i += 1) {
      counter.take(`client ${i}`, start);
      if (counter.take("busy", start) === null) forgotten += 1;
    }

    expect(counter.size()).toBe(100);
    expect(forgotten).toBe(0);
    expect(counter.take("client 0", start)).toBeNull();
  });

  it("never lets more than twice the rule through in a window, and keeps its word on the wait", () => {
    const requests = fc.array(fc.nat(5_000), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), requests, (maxRequests, gaps) => {
        const counter = createRequestCounter({ maxRequests, windowMs: 10_000 }, 10);
        let now = start;
        const through: number[] = [];
        for (const gap of gaps) {
          now += gap;
          const wait = counter.take("a", now);
          if (wait === null) {
            through.push(now);
            continue;
          }
          expect(wait).toBeGreaterThan(0);
          expect(wait).toBeLessThanOrEqual(20_000);
          now += wait;
          expect(counter.take("a", now)).toBeNull();
          through.push(now);
        }
        for (const [at, time] of through.entries()) {
          const within = through.slice(at).filter((other) => other < time + 10_000);
          expect(within.length).toBeLessThan(2 * maxRequests + 1);
        }
      }),
      { seed: 20261121, numRuns: 300 },
    );
  });
});
