import { expect, test } from "vitest";
import { awaitWritten } from "../../../control-plane/tools/await-written.ts";
import type { JobEvent } from "../../../control-plane/job/job.ts";

/** Pictures that come at these seconds, the bar of the drawing between those, under a clock that sleeping moves. */
function drawing(comesAt: readonly number[], bar: readonly [from: number, to: number] = [-1, -1]) {
  let nowMs = 0;
  const seconds = (): number => nowMs / 1_000;
  return {
    seconds,
    watch: {
      now: () => nowMs,
      sleep: async (ms: number) => void (nowMs += ms),
      written: async () =>
        comesAt.filter((at) => at <= seconds()).map((seq) => ({ attempt: 1, seq }) as JobEvent),
      look: async () => ({
        isOver: false,
        isDrawing: seconds() >= bar[0] && seconds() < bar[1],
      }),
    },
  };
}

test.each([
  ["all pictures, also when the second is slow and no bar says so", [3, 12], 2, 2, 12],
  ["one checkpoint, at once", [4], 1, 1, 4],
  ["no longer than a minute for one that does not come", [3], 2, 1, 63],
  ["and no longer than there is time", [150, 200], 2, 1, 180],
] as const)("waits for %s", async (_what, comesAt, expected, found, at) => {
  const { watch, seconds } = drawing(comesAt);
  const written = await awaitWritten(watch, { expected, untilMs: 180_500 });

  expect([written.length, seconds()]).toEqual([found, at]);
});

test("waits while the bar says that more are drawn than prompts were read", async () => {
  const { watch, seconds } = drawing([2, 5, 9], [1, 10]);
  const written = await awaitWritten(watch, { expected: 1, untilMs: 180_000 });

  expect([written.length, seconds()]).toEqual([3, 10]);
});
