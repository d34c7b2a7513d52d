import { describe, expect, it } from "vitest";
import { type MetricLine, readMetricLine } from "../../../shared/logs/metric-lines.ts";

const silent: MetricLine = {
  step: null,
  total: null,
  loss: null,
  lr: null,
  stepsPerSecond: null,
  nan: false,
};

describe("the Trainer's dicts", () => {
  it.each<[string, Partial<MetricLine>]>([
    [
      "{'loss': 2.25, 'grad_norm': 9.5, 'learning_rate': 0.0005, 'epoch': 1.0}",
      { loss: 2.25, lr: 0.0005 },
    ],
    [
      "{'loss': '3.5', 'grad_norm': '4.25', 'learning_rate': '0.0003', 'epoch': '2'}",
      { loss: 3.5, lr: 0.0003 },
    ],
    ['{"loss": 1.5, "learning_rate": 1e-05, "step": 20}', { loss: 1.5, lr: 1e-5, step: 20 }],
    [
      "{'loss': 1.5, 'learning_rate': 2e-05, 'completion_length': 80.0, 'rewards/format': 0.1}",
      { loss: 1.5, lr: 2e-5 },
    ],
    [
      "    {'loss': 0.0035, 'learning_rate': 1.5e-06, 'epoch': 8.5}   ",
      { loss: 0.0035, lr: 1.5e-6 },
    ],
    ["[12] {'loss': 3.55, 'learning_rate': 2.0e-06}", { loss: 3.55, lr: 2e-6 }],
    ["trainer-1  | {'loss': 3.55, 'learning_rate': 2.0e-06}", { loss: 3.55, lr: 2e-6 }],
    ["{'loss': nan, 'learning_rate': 5e-05}", { loss: Number.NaN, lr: 5e-5, nan: true }],
    ["{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 5e-05}", { loss: 0, lr: 5e-5, nan: true }],
    ["{'eval_loss': nan, 'eval_runtime': 0.25, 'epoch': 3.0}", { nan: true }],
    ["{'eval_loss': 0.5, 'eval_runtime': 0.19, 'eval_steps_per_second': 5.1}", {}],
    [
      "{'train_runtime': 120.5, 'train_steps_per_second': 4.25, 'train_loss': 0.75, 'epoch': 10.0}",
      { stepsPerSecond: 4.25 },
    ],
  ])("%s", (line, wanted) => {
    const { others: _others, ...read } = readMetricLine(line) ?? {};
    expect(read).toEqual({ ...silent, ...wanted });
  });

  it("keep every other number by its own name", () => {
    const line =
      "{'loss': 1.5, 'grad_norm': nan, 'step': 3, 'rewards/format': '0.25', 'note': 'x'}";
    expect(readMetricLine(line)?.others).toEqual(
      new Map([
        ["grad_norm", Number.NaN],
        ["rewards/format", 0.25],
      ]),
    );
  });

  it.each([
    "{'name': 'loss', 'value': 3}",
    "{",
    "{'batch_size': 4, 'seed': 1}",
    "Namespace(loss='mse', lr=0.1)",
    "arguments {'rank': 16, 'scale': 1.0}",
  ])("are not %s", (line) => {
    expect(readMetricLine(line)).toBeNull();
  });
});

describe("mlx-lm", () => {
  it.each<[string, Partial<MetricLine>]>([
    [
      "Iter 10: Train loss 2.375, Learning Rate 1.000e-05, It/sec 1.125, Tokens/sec 90.5, Trained Tokens 900, Peak mem 7.5 GB",
      { step: 10, loss: 2.375, lr: 1e-5, stepsPerSecond: 1.125 },
    ],
    [
      "Iter 300: Train loss 1.625, It/sec 0.025, Tokens/sec 1.5",
      { step: 300, loss: 1.625, stepsPerSecond: 0.025 },
    ],
    ["Iter 1: Val loss 2.5, Val took 0.5s", {}],
    ["Iter 1: Val loss nan, Val took 0.5s", { nan: true }],
    ["Starting training..., iters: 700", { total: 700 }],
  ])("%s", (line, wanted) => {
    expect(readMetricLine(line)).toEqual({ ...silent, ...wanted });
  });
});

describe("what a trainer says beforehand", () => {
  it.each<[string, number]>([
    ["  total optimization steps / 学習ステップ数: 1400", 1400],
    ["  Total optimization steps = 1,250", 1250],
    ["01/02/2026 03:04:05 - INFO - __main__ -     Total optimization steps = 1000", 1000],
    ["[INFO|trainer.py:2134] 2026-01-01 10:00:00,000 >>   Total optimization steps = 60", 60],
    ["   \\\\   /|    Num examples = 40 | Num Epochs = 3 | Total steps = 95", 95],
    ["\\        /    Total batch size = 8 | Total steps = 1,250", 1250],
  ])("%s", (line, total) => {
    expect(readMetricLine(line)).toEqual({ ...silent, total });
  });
});

describe("a notebook's table", () => {
  it("reads its progress and its rows, where the head was seen", () => {
    expect(readMetricLine(" [90/90 01:55, Epoch 30/30]")).toEqual({
      ...silent,
      step: 90,
      total: 90,
    });
    expect(readMetricLine(" [10/90 00:15 < 01:55, 3.20 it/s, Epoch 3/30]")).toEqual({
      ...silent,
      step: 10,
      total: 90,
    });
    expect(readMetricLine("90\t0.044500", "Step")).toEqual({ ...silent, step: 90, loss: 0.0445 });
    expect(readMetricLine("3\t0.0445\t0.05", "Epoch")).toEqual({ ...silent, loss: 0.0445 });
    expect(readMetricLine("90\t0.044500")).toBeNull();
  });
});

describe("plain loops", () => {
  it.each<[string, Partial<MetricLine>]>([
    ["iter 700: loss 4.25, time 350.5ms, mfu 10.00%", { step: 700, loss: 4.25 }],
    ["2026-01-02 03:04:05 iter 720: loss 3.75, time 350.5ms", { step: 720, loss: 3.75 }],
    [
      "step 100/1000 | loss 2.31 | lr 1e-4 | 3.5 it/s",
      { step: 100, total: 1000, loss: 2.31, lr: 1e-4, stepsPerSecond: 3.5 },
    ],
    ["step 700: train loss 4.125, val loss 4.5", { step: 700, loss: 4.125 }],
    ["Epoch [1/5], Step [10/60], Loss: 0.3", { step: 10, total: 60, loss: 0.3 }],
    [
      "Epoch: 7\tStep: 4200\tLastLoss: 0.25\tAvgLoss: 0.5\tLr: 2.5e-10",
      { step: 4200, loss: 0.25, lr: 2.5e-10 },
    ],
    [
      "[01/02 03:04:05 d2.utils.events]:  eta: 1:02:03  iter: 4500  total_loss: 10.5  loss_ce: 0.75  lr: 2.5e-05",
      { step: 4500, loss: 10.5, lr: 2.5e-5 },
    ],
    [
      "01/02 03:04:05 - mmengine - INFO - Epoch(train) [1][24/70]  lr: 1.5e-04  eta: 1:02:03  loss: 2.5  grad_norm: nan",
      { step: 24, total: 70, loss: 2.5, lr: 1.5e-4, nan: true },
    ],
    [
      "mmdet - INFO - Iter [100/3000]\tlr: 3.5e-04, eta: 2 days, a_loss_cls: 0.1, loss: 1.5, grad_norm: 3.0",
      { step: 100, total: 3000, loss: 1.5, lr: 3.5e-4 },
    ],
    ["Epoch: [0][41/170]\t Loss 0.625 MAE 0.75", { step: 41, total: 170, loss: 0.625 }],
    [
      " iteration     5400/  260000 | learning rate: 2.500E-04 | lm loss: 2.5E+00 | loss scale: 1.0 |",
      { step: 5400, total: 260000, loss: 2.5, lr: 2.5e-4 },
    ],
    [
      " iteration     5400/  260000 | learning rate: 2.500E-04 | loss scale: 1.0 | grad norm: nan |",
      { step: 5400, total: 260000, lr: 2.5e-4, nan: true },
    ],
    [
      "[01-02 03:04:05,678 INFO] Step 8500/30000; acc:  70.50; loss: 140.5; lr: 0.00100; 500 tok/s",
      { step: 8500, total: 30000, loss: 140.5, lr: 0.001 },
    ],
    ["Step #1, loss: nan, prior_loss: nan", { step: 1, loss: Number.NaN, nan: true }],
    ["train Loss: 2.75 Acc: 0.5", { loss: 2.75 }],
  ])("%s", (line, wanted) => {
    expect(readMetricLine(line)).toEqual({ ...silent, ...wanted });
  });

  it.each([
    "INFO loss function is cross entropy",
    "Using loss mse at step scheduler",
    "weight loss: 3 kg",
    "val Loss: 0.6 Acc: 0.5",
    "Epoch 3: val loss 0.3",
    "Epoch 3 validation loss: 0.3",
    "saved epoch=3-val_loss=0.3.ckpt",
    "the step was lossless 5",
    "packet loss 3%",
    "# Running job: loss_lr_step",
    `step 1 loss ${"1".repeat(5_000)}`,
  ])("are not %j", (line) => {
    expect(readMetricLine(line)).toBeNull();
  });
});
