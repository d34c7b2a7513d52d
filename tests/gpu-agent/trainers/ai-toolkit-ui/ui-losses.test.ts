import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import { createUiMetrics } from "../../../../gpu-agent/trainers/ai-toolkit-ui/ui-metrics.ts";
import { keysToAsk, mergeLosses } from "../../../../gpu-agent/trainers/ai-toolkit-ui/ui-losses.ts";

type Point = { step: number; wall_time: number | null; value: number | null };

const points = (...steps: number[]): Point[] =>
  steps.map((step) => ({ step, wall_time: 1_000 + step, value: step / 10 }));
const answer = (key: string, of: Point[]) => ({ key, keys: ["loss/loss"], points: of });
const options = { held: null, final: false, sinceWall: null };
const stepsOf = (rows: readonly { step: number }[]) => rows.map(({ step }) => step);

describe("the UI's losses", () => {
  it("asks for the loss by the key it is logged under, and first", () => {
    expect(keysToAsk(["learning_rate", "loss/loss", "val/loss"])).toEqual([
      "loss/loss",
      "learning_rate",
      "val/loss",
    ]);
    expect(keysToAsk([])).toEqual(["loss/loss"]);
  });

  it("gives a step when all keys reach it, and keeps the newest back for one look", () => {
    const first = mergeLosses(
      [answer("loss/loss", points(1, 2, 3)), answer("learning_rate", points(1, 2, 3, 4))],
      options,
    );
    expect(stepsOf(first.rows)).toEqual([1, 2]);
    expect(first.held).toBe(3);
    expect(first.rows[0]?.values).toEqual(
      new Map([
        ["loss", 0.1],
        ["lr", 0.1],
      ]),
    );
    const second = mergeLosses(
      [answer("loss/loss", points(3)), answer("learning_rate", points(3, 4))],
      { ...options, held: first.held },
    );
    expect(stepsOf(second.rows)).toEqual([3]);
    expect(second.held).toBeNull();
  });

  it("gives everything at the end", () => {
    const merged = mergeLosses(
      [answer("loss/loss", points(1, 2)), answer("learning_rate", points(1, 2, 3))],
      { ...options, final: true },
    );
    expect(stepsOf(merged.rows)).toEqual([1, 2, 3]);
  });

  it("takes what is no number for NaN, where a number belongs", () => {
    const none = [{ step: 1, wall_time: 1, value: null }];
    const merged = mergeLosses([answer("loss/loss", none), answer("note", none)], {
      ...options,
      final: true,
    });
    expect([...(merged.rows[0]?.values ?? [])]).toEqual([["loss", Number.NaN]]);
  });

  it("leaves out an earlier run's rows, which are older than the last that was read of it", () => {
    const merged = mergeLosses([answer("loss/loss", points(1, 2, 3))], {
      ...options,
      final: true,
      sinceWall: 1_002,
    });
    expect(stepsOf(merged.rows)).toEqual([3]);
  });

  it("goes on behind an answer that is cut at its end, without a gap", async () => {
    const total = limits.uiLossPoints * 2 + 500;
    const all = points(...Array.from({ length: total }, (_, at) => at + 1));
    const metrics = createUiMetrics(
      {
        losses: async (_id, key, since) => ({
          key,
          keys: ["learning_rate", "loss/loss"],
          points: all.filter(({ step }) => step > since).slice(0, limits.uiLossPoints),
        }),
      },
      null,
    );
    await metrics.fetch("job", -1, true);
    expect(stepsOf(metrics.read(-1, { final: true }))).toEqual(all.map(({ step }) => step));
  });

  it("loses and doubles nothing, whatever is written between two questions of one look", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1, maxLength: 30 }),
        async (growth) => {
          let loss = 0;
          let rate = 0;
          let at = 0;
          const metrics = createUiMetrics(
            {
              // Its buffer may be cut between two keys of one step.
              losses: async (_id, key, since) => {
                const [more = 0, behind = 0] = growth[at % growth.length] ?? [];
                at += 1;
                loss += more;
                rate = Math.max(rate, loss - Math.min(behind, 1));
                const upTo = key === "loss/loss" ? loss : rate;
                const of = points(...Array.from({ length: upTo }, (_, n) => n + 1));
                return {
                  key,
                  keys: ["learning_rate", "loss/loss"],
                  points: of.filter(({ step }) => step > since),
                };
              },
            },
            null,
          );
          const read: { step: number; values: ReadonlyMap<string, number> }[] = [];
          for (let look = 0; look < 12; look += 1) {
            // The trainer's buffer is written after a quarter of a second: before the next look.
            rate = loss;
            await metrics.fetch("job", read.at(-1)?.step ?? -1, false);
            read.push(...metrics.read(read.at(-1)?.step ?? -1, { final: false }));
          }
          rate = loss;
          growth.splice(0, growth.length, [0, 0]);
          await metrics.fetch("job", read.at(-1)?.step ?? -1, true);
          read.push(...metrics.read(read.at(-1)?.step ?? -1, { final: true }));
          expect(stepsOf(read)).toEqual(Array.from({ length: loss }, (_, n) => n + 1));
          expect(read.filter(({ values }) => values.size !== 2)).toEqual([]);
        },
      ),
    );
  });
});
