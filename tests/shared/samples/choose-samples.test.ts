import { describe, expect, it } from "vitest";
import { chooseSamples } from "../../../shared/samples/choose-samples.ts";
import type { SamplePicture } from "../../../shared/samples/choose-samples.ts";

const picture = (step: number, index: number, atMs = step): SamplePicture => ({
  step,
  index,
  path: `outputs/a/samples/${atMs}__${step}_${index}.jpg`,
  bytes: 1,
  atMs,
});
const run = (steps: readonly number[], prompts = 2): SamplePicture[] =>
  steps.flatMap((step) => Array.from({ length: prompts }, (_, index) => picture(step, index)));

const wish = { count: 4, maxPrompts: 12 };

describe("chooseSamples", () => {
  it("spreads over the run, the first and the newest among them", () => {
    const steps = Array.from({ length: 13 }, (_, n) => n * 250);
    expect(chooseSamples(run(steps), wish).steps).toEqual([0, 1_000, 2_000, 3_000]);
    expect(chooseSamples(run(steps), { ...wish, count: 1 }).steps).toEqual([3_000]);
    expect(chooseSamples(run([0, 250]), wish).steps).toEqual([0, 250]);
  });

  it("takes the nearest step that has pictures, each once", () => {
    const { steps } = chooseSamples(run([0, 250, 500]), { ...wish, steps: [499, 480, 100] });
    expect(steps).toEqual([0, 500]);
  });

  it("shows a prompt where it is, in the order that was asked for", () => {
    const { prompts, pictures } = chooseSamples([...run([0], 3), picture(250, 0)], {
      ...wish,
      prompts: [2, 0, 9],
    });
    expect(prompts).toEqual([2, 0]);
    expect(pictures.map(({ step, index }) => [step, index])).toEqual([
      [0, 0],
      [0, 2],
      [250, 0],
    ]);
  });

  it("prefers the picture that a resumed attempt drew again", () => {
    const { pictures } = chooseSamples([picture(250, 0, 1), picture(250, 0, 2)], wish);
    expect(pictures).toEqual([picture(250, 0, 2)]);
  });

  it("has nothing to show of nothing", () => {
    expect(chooseSamples([], { ...wish, steps: [5] })).toMatchObject({ steps: [], pictures: [] });
  });
});
