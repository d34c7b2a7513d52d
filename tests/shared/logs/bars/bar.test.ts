import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBar } from "../../../../shared/logs/bars/bar.ts";

describe("parseBar", () => {
  it("reads every figure of a redraw", () => {
    const text =
      "my_lora_v1:  83%|████████▎ | 10/12 [00:05<00:02,  1.25s/it, lr: 1.0e-04 loss: 1.234e-02]";

    expect(parseBar(text, "my_lora_v1")).toEqual({
      percent: 83,
      count: 10,
      total: 12,
      unit: "it",
      elapsedSeconds: 5,
      remainingSeconds: 2,
      stepsPerSecond: 0.8,
      lr: 1e-4,
      loss: 0.01234,
      tail: "",
    });
  });

  it.each(["a.b(c)*", "50% linen v1.5", "x: 7%|", "pipe|name", "name: ", "12/40 [00:01", "损失"])(
    "finds the bar of a job called %j",
    (name) => {
      const colon = name.endsWith(": ") ? "" : ": ";

      expect(
        parseBar(`${name}${colon}  8%|▊         | 1/12 [00:00<00:02,  4.07it/s]`, name)?.count,
      ).toBe(1);
    },
  );

  it.each([
    ["Loading weights: 100%|██████████| 36/36 [00:00<00:00, 3069.75it/s]"],
    ["job2:   8%|▊         | 1/12 [00:00<00:02,  4.07it/s]"],
    ["job and 8%"],
    ["job:   7%|▋         | 1.95G/26.3G [15:30<2:37:06, 2.58MB/s]"],
  ])("takes %j for no bar of the job", (text) => {
    expect(parseBar(text, "job")).toBeNull();
  });

  it.each([
    ["job:   0%|          | 0/40 [00:00<?, ?it/s]", null, null, 0],
    [
      "job:  20%|##        | 8/40 [00:01<00:04,  6.67it/s, lr: 1.0e-04 loss: 1.087e+00]",
      6.67,
      4,
      1,
    ],
    ["job:   5%|5         | 2/40 [1:02:11<30:00:00,  2.00s/it]", 0.5, 108_000, 3_731],
    [
      "job:   5%|5         | 2/40 [1 day, 0:00:01<2 days, 0:00:00,  4.00s/it]",
      0.25,
      172_800,
      86_401,
    ],
  ])("reads the rate and the clocks of %j", (text, speed, remaining, elapsed) => {
    const bar = parseBar(text, "job");

    expect([bar?.stepsPerSecond, bar?.remainingSeconds, bar?.elapsedSeconds]).toEqual([
      speed,
      remaining,
      elapsed,
    ]);
  });

  it("gives back what was glued to the end", () => {
    const bar = parseBar(
      "job:  33%|███▎      | 5/15 [00:01<00:01,  6.65it/s, lr: 1.0e-04 loss: 4.9e-04]loss is nan",
      "job",
    );

    expect([bar?.loss, bar?.tail]).toEqual([4.9e-4, "loss is nan"]);
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (text, name) => {
        parseBar(name + text, name);
        parseBar(`${name}:  8%|${text}`, name);
      }),
    );
  });
});
