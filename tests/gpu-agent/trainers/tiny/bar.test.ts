import { describe, expect, it } from "vitest";
import { barText, exponential, openBar } from "../../../../gpu-agent/trainers/tiny/bar.ts";

describe("barText", () => {
  // Literals observed in AI Toolkit: ai-toolkit.md section 2.4.
  it.each([
    [
      { name: "tinyrun", total: 12, count: 0, elapsedSeconds: 0, rate: undefined, postfix: "" },
      "tinyrun:   0%|          | 0/12 [00:00<?, ?it/s]",
    ],
    [
      {
        name: "tinyrun",
        total: 12,
        count: 1,
        elapsedSeconds: 0.2,
        rate: 4.07,
        postfix: "lr: 1.0e-04 loss: 1.009e+00",
      },
      "tinyrun:   8%|▊         | 1/12 [00:00<00:02,  4.07it/s, lr: 1.0e-04 loss: 1.009e+00]",
    ],
    [
      {
        name: "my_lora_v1",
        total: 12,
        count: 10,
        elapsedSeconds: 5,
        rate: 1 / 1.08,
        postfix: "lr: 1.0e-04 loss: 1.234e-02",
      },
      "my_lora_v1:  83%|████████▎ | 10/12 [00:05<00:02,  1.08s/it, lr: 1.0e-04 loss: 1.234e-02]",
    ],
    [
      {
        name: "my_lora_v1",
        total: 3000,
        count: 3000,
        elapsedSeconds: 3731,
        rate: undefined,
        postfix: "lr: 1.0e-04 loss: 2.317e-01",
      },
      "my_lora_v1: 100%|██████████| 3000/3000 [1:02:11<00:00,  1.24s/it, lr: 1.0e-04 loss: 2.317e-01]",
    ],
  ])("draws what tqdm draws (%#)", (state, expected) => {
    expect(barText({ initial: 0, ...state })).toBe(expected);
  });
});

describe("openBar", () => {
  it("shows a new postfix with the old count, and counts only after 0.1 s", () => {
    let now = 0;
    const drawn: string[] = [];
    const bar = openBar({
      name: "a",
      total: 3,
      smoothing: 0.7,
      write: (text) => drawn.push(text),
      nowMs: () => now,
    });

    now = 50;
    bar.setPostfix("loss: 1");
    bar.advance();
    now = 200;
    bar.setPostfix("loss: 2");
    bar.advance();
    bar.close();

    expect(drawn).toEqual([
      "\ra:   0%|          | 0/3 [00:00<?, ?it/s]",
      "\ra:   0%|          | 0/3 [00:00<?, ?it/s, loss: 1]",
      "\ra:  33%|███▎      | 1/3 [00:00<00:00,  5.00it/s, loss: 2]",
      "\ra:  67%|██████▋   | 2/3 [00:00<00:00, 10.00it/s, loss: 2]",
      "\ra:  67%|██████▋   | 2/3 [00:00<00:00, 10.00it/s, loss: 2]",
      "\n",
    ]);
  });

  it("draws a bar below another one and wipes it at the end", () => {
    const drawn: string[] = [];
    const bar = openBar({
      name: "G",
      total: 1,
      row: 1,
      leave: false,
      write: (text) => drawn.push(text),
      nowMs: () => 0,
    });

    bar.close();

    const text = "G:   0%|          | 0/1 [00:00<?, ?it/s]";
    expect(drawn).toEqual([`\n\r${text}\u001b[A`, `\n\r${" ".repeat(text.length)}\u001b[A`]);
  });
});

describe("exponential", () => {
  it.each([
    [1e-4, 1, "1.0e-04"],
    [0.01234, 3, "1.234e-02"],
    [0, 3, "0.000e+00"],
    [1.5e120, 1, "1.5e+120"],
  ])("writes %d as Python does", (value, digits, expected) => {
    expect(exponential(value, digits)).toBe(expected);
  });
});
