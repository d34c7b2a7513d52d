import { expect, it } from "vitest";
import { createAnyLogReplay } from "../../../../shared/analysis/guards/replay-any-log.ts";
import { defaultGuardrailRules } from "../../../../shared/analysis/guards/guardrails.ts";

function replay(log: string, size = log.length) {
  const replaying = createAnyLogReplay({ jobName: null, rules: defaultGuardrailRules });
  const bytes = new TextEncoder().encode(log);
  const told = [];
  for (let at = 0; at < bytes.length; at += size) {
    told.push(...replaying.push(bytes.slice(at, at + size)));
  }
  told.push(...replaying.end());
  return { told, codes: told.map(({ code }) => code), replaying };
}

const lines = (from: number, to: number, line: (n: number) => string): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `${line(from + i)}\n`).join("");

function bar(count: number, seconds: number, loss = "0.5"): string {
  const clock = [seconds / 3_600, (seconds / 60) % 60, seconds % 60]
    .map((part) => String(Math.floor(part)).padStart(2, "0"))
    .join(":");
  return `\rsteps:   1%|#  | ${count}/5000 [${clock}<01:00:00,  1.00it/s, avr_loss=${loss}]`;
}

it("counts a plain loop's NaN, and tells the line", () => {
  const log = `hello\n${lines(1, 9, (n) => `step ${n}/100 | loss ${n > 4 ? "nan" : "0.5"} | lr 1e-4`)}`;
  expect(replay(log).told).toMatchObject([{ code: "TRAINING_NAN_LOSS", line: 8 }]);
  expect(replay(log, 3).told).toEqual(replay(log).told);
});

it("a running count stands for steps that are not told", () => {
  const log = lines(1, 5, () => "{'loss': nan, 'grad_norm': 1.0, 'epoch': 0.1}");
  const { codes, replaying } = replay(log);
  expect(codes).toEqual(["TRAINING_NAN_LOSS"]);
  expect(replaying.state()).toMatchObject({ step: 5, totalSteps: null });
});

it("a NaN gradient beside a real loss, and a NaN of an evaluation, are none", () => {
  const scale = lines(1, 9, () => "{'loss': 2.5, 'grad_norm': nan, 'epoch': 0.1}");
  const evaluated = lines(1, 9, () => "{'eval_loss': nan, 'eval_runtime': 0.2, 'epoch': 0.1}");
  expect(replay(scale + evaluated).codes).toEqual([]);
  expect(replay(lines(1, 9, (n) => `Iter ${n}: Val loss nan, Val took 6s`)).codes).toEqual([]);
});

it("one NaN that the next step's bar still shows is one", () => {
  const steps = Array.from({ length: 20 }, (_, n) => {
    const nan = n === 5 || n === 9;
    return bar(n, n, n === 6 || n === 10 ? "nan" : "0.5") + bar(n, n, nan ? "nan" : "0.5");
  }).join("");
  const { codes, replaying } = replay(steps);
  expect(codes).toEqual([]);
  expect(replaying.state().nanSteps).toBe(2);
});

it("a bar that stands still is a stall; steps told seldom, and an evaluation, are none", () => {
  const run = Array.from({ length: 50 }, (_, n) => bar(n, n)).join("");
  expect(replay(run + bar(49, 700)).codes).toEqual(["TRAINING_STALLED_PROGRESS"]);
  expect(replay(run + bar(749, 1_500)).codes).toEqual([]);
  const evaluation = "\n  0%|          | 0/24 [00:00<?, ?it/s]";
  expect(replay(run + evaluation + bar(49, 700) + bar(50, 701)).codes).toEqual([]);
  const told = (n: number): string =>
    `Iter ${n * 50}: Train loss 0.5, Learning Rate 1.000e-05, It/sec 0.050, Tokens/sec 1.8`;
  expect(replay(lines(1, 20, told)).codes).toEqual([]);
});

it("a loss that explodes in metric lines is found", () => {
  const log = lines(1, 300, (n) => `Iter ${n}: Train loss ${n > 200 ? 9 : 0.5}, It/sec 1.0`);
  expect(replay(log).codes).toEqual(["TRAINING_LOSS_EXPLOSION"]);
});
