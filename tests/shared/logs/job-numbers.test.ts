import { describe, expect, it } from "vitest";
import { analyzeLog } from "../../../shared/logs/log-reader.ts";
import type { LogTool } from "../../../shared/logs/log-report.ts";

type Figures = readonly [
  step: number | null,
  total: number | null,
  loss: number | null,
  lr: number | null,
  speed: number | null,
];
const figures = (text: string, tool?: LogTool, jobName?: string): Figures => {
  const { lastStep, totalSteps, lastLoss, lastLr, lastSpeed } = analyzeLog(text, { tool, jobName });
  return [lastStep, totalSteps, lastLoss, lastLr, lastSpeed];
};
const nothing: Figures = [null, null, null, null, null];
const inverse = (seconds: number): number => Math.round(1e6 / seconds) / 1e6;

describe("every trainer's own bar", () => {
  it.each<[string, LogTool | undefined, string, Figures]>([
    [
      "AI Toolkit",
      "ai-toolkit",
      "my_lora:   5%|5         | 2/40 [00:01<00:15,  2.50it/s, lr: 1.0e-04 loss: 1.125e+00]",
      [2, 40, 1.125, 1e-4, 2.5],
    ],
    [
      "AI Toolkit, seconds a step",
      "ai-toolkit",
      "my_lora:   5%|▌         | 10/200 [00:35<11:00,  3.50s/it, lr: 1.0e-04 loss: 3.125e-01]",
      [10, 200, 0.3125, 1e-4, inverse(3.5)],
    ],
    [
      "sd-scripts",
      "sd-scripts",
      "steps:  26%|██▌       | 1900/7600 [31:40<1:35:00,  1.00s/it, avr_loss=0.0925]",
      [1900, 7600, 0.0925, null, 1],
    ],
    [
      "musubi-tuner, with other losses",
      "musubi-tuner",
      "steps:  14%|#4| 45/300 [01:45<10:00, 2.25s/it, avr_loss=0.125, loss/x=0.117, loss/y=0.25]",
      [45, 300, 0.125, null, inverse(2.25)],
    ],
    [
      "diffusers",
      "pytorch",
      "Steps:   0%|          | 15/2500 [01:30<29:00,  1.75it/s, loss=0.0225, lr=0.003]",
      [15, 2500, 0.0225, 0.003, 1.75],
    ],
    [
      "Lightning",
      "pytorch",
      "Epoch 0:  15%|██ | 105/700 [00:20<01:50,  5.50it/s, v_num=3, train_loss_step=1.025]",
      [105, 700, 1.025, null, 5.5],
    ],
    [
      "the Trainer",
      "hf-trainer",
      " 10%|█         | 6/60 [00:03<00:30,  1.80it/s]",
      [6, 60, null, null, 1.8],
    ],
    [
      "the Trainer without a terminal's width",
      "hf-trainer",
      "  8% 6/76 [00:03<00:30,  1.80it/s]Some warning: of a library",
      [6, 76, null, null, 1.8],
    ],
    [
      "the Trainer behind a pod's name",
      "hf-trainer",
      "train-nlp-1  |  10%|█         | 6/60 [00:03<00:30,  1.80it/s]",
      [6, 60, null, null, 1.8],
    ],
    [
      "a loop of one's own",
      undefined,
      "Training epoch 2:  50%|#####     | 5/10 [00:05<00:05,  1.00it/s, Loss=0.5, LR=1e-5]",
      [5, 10, 0.5, 1e-5, 1],
    ],
    [
      "a bar that knows no speed yet",
      "ai-toolkit",
      "x:   0%|   | 0/500 [00:08<?, ?it/s, lr: 1.0e-04 loss: 6.500e-01]",
      [0, 500, 0.65, 1e-4, null],
    ],
  ])("%s", (_trainer, tool, line, wanted) => {
    expect(figures(line, tool)).toEqual(wanted);
    expect(figures(`${line}\r`, tool)).toEqual(wanted);
  });

  it.each([
    "plain",
    "50% linen",
    "a/b 1/2 [00:01<00:02]",
    "v1.5 | 3 of 4",
    "x: 7%|###| y",
    "12345",
    "test of sampling",
    "损失 🌸",
    "loss=nan lr=9",
  ])("is the one with the job's name, whatever that is: %j", (name) => {
    const line = `${name}:   5%|5         | 2/40 [00:01<00:15,  2.50it/s, lr: 1.0e-04 loss: 1.125e+00]`;

    expect(figures(`# Running job: ${name}\n${line}\r`, "ai-toolkit")).toEqual([
      2, 40, 1.125, 1e-4, 2.5,
    ]);
    expect(figures(`${line}\r`, "ai-toolkit", name)).toEqual([2, 40, 1.125, 1e-4, 2.5]);
  });
});

describe("bars of other work", () => {
  const others = [
    "model.safetensors:  45%|####5     | 6.5G/13.0G [01:00<01:00, 108MB/s]",
    "b.safetensors:   5%|▌         | 1.25G/25.0G [10:30<2:30:00, 2.50MB/s]",
    "Fetching 16 files:  50%|####7     | 8/16 [00:05<00:05,  1.50it/s]",
    "Loading checkpoint shards: 100%|##########| 3/3 [00:02<00:00,  1.25it/s]",
    "Loading pipeline components...:  29%|██▊       | 2/7 [00:00<00:00,  7.50it/s]",
    "Generating Samples:  50%|#####     | 1/2 [00:30<00:30, 30.50s/it]",
    "Caching latents to disk:  25%|██▌| 70/280 [00:20<01:00, 3.50it/s]",
    "caching latents: 100%|##########| 3/3 [00:02<00:00,  8.25it/s]",
    "Map (num_proc=4): 100%|##########| 75/75 [00:00<00:00, 7000.50 examples/s]",
    "Tokenizing train dataset: 100%|##########| 75/75 [00:00<00:00, 700.50 examples/s]",
    "Calculating loss...: 100%|##########| 25/25 [00:05<00:00,  4.75it/s]",
    "Evaluating:  10%|#         | 1/10 [00:05<00:45,  4.75it/s]",
    "Downloading (incomplete total...): 0.00B [00:00, ?B/s]",
  ];

  it.each(others)("never count: %s", (line) => {
    for (const tool of ["ai-toolkit", "sd-scripts", "hf-trainer", "mlx-lm", undefined] as const) {
      expect.soft(figures(`${line}\r${line}\n`, tool), tool).toEqual(nothing);
    }
  });

  it("never disturb the training's", () => {
    const own = "steps:  52%|#####2    | 27/50 [00:40<00:30,  1.25s/it, avr_loss=0.075]";

    expect(figures(`${others[0]}\r${own}\r${others.join("\r")}\n`, "sd-scripts")).toEqual([
      27,
      50,
      0.075,
      null,
      inverse(1.25),
    ]);
  });

  it("are the unnamed ones where the trainer names its own", () => {
    const line = "100%|##########| 60/60 [00:00<00:00, 9600.50it/s]\n";

    expect(figures(line, "sd-scripts")).toEqual(nothing);
    expect(figures(line, "musubi-tuner")).toEqual(nothing);
    expect(figures(`# Running job: a\n${line}`, "ai-toolkit")).toEqual(nothing);
    expect(figures(line, "hf-trainer")).toEqual([60, 60, null, null, 9600.5]);
  });

  it("are told from the Trainer's unnamed one by the loss behind it", () => {
    const evaluation = " 67%|######7   | 2/3 [00:01<00:00,  1.75it/s]\n";
    const training = " 32%|###2      | 280/870 [25:00<52:00,  5.00s/it]\n";
    const loss = "{'loss': 0.875, 'learning_rate': 0.0001, 'epoch': 0.95}\n";
    const next = " 33%|###3      | 283/870 [25:12<45:00,  4.00s/it]\n";

    expect(figures(evaluation + training + loss + next, "hf-trainer")).toEqual([
      283, 870, 0.875, 1e-4, 0.25,
    ]);
    expect(figures(training + loss + evaluation + next + evaluation, "hf-trainer")).toEqual([
      283, 870, 0.875, 1e-4, 0.25,
    ]);
  });

  it("do not follow the Trainer's when that has ended", () => {
    const ended = "100%|##########| 30/30 [03:15<00:00,  6.50s/it]\n";
    const summary =
      "{'train_runtime': 195.0, 'train_steps_per_second': 0.15, 'train_loss': 0.125, 'epoch': 3.0}\n";
    const evaluation =
      "  0%|          | 0/3 [00:00<?, ?it/s]\r100%|##########| 3/3 [00:01<00:00,  1.75it/s]\n";

    expect(figures(summary + ended + evaluation, "hf-trainer")).toEqual([
      30,
      30,
      null,
      null,
      inverse(6.5),
    ]);
    expect(figures(ended + summary + evaluation, "hf-trainer").slice(0, 2)).toEqual([30, 30]);
  });

  it("are followed by the training's, though both have no name", () => {
    const cache = "  0%|  | 0/9 [00:00<?, ?it/s]\r100%|##| 9/9 [00:01<00:00,  9.00it/s]\n";
    const training = "  0%|  | 0/60 [00:00<?, ?it/s]\r 10%|# | 6/60 [00:03<00:30,  1.80it/s]\r";

    expect(figures(cache + training, "hf-trainer").slice(0, 2)).toEqual([6, 60]);
  });

  it("are figures alone below a notebook's words, until the training has spoken", () => {
    const shards = "Loading checkpoint shards: 100%\n 4/4 [01:00<00:00, 15.00s/it]\n";
    const loss = "{'loss': '2.75', 'learning_rate': '4e-08', 'epoch': '4'}\n";

    expect(figures(shards, "unsloth")).toEqual(nothing);
    expect(figures(`${shards}${loss}80/80 [01:40<00:00,  1.25s/it]\n`, "hf-trainer")).toEqual([
      80, 80, 2.75, 4e-8, 0.8,
    ]);
  });
});

describe("the last redraw", () => {
  const at = (count: number, seconds: string, speed: string): string =>
    `my_lora:  50%|#####     | ${count}/40 [${seconds}<00:10,  ${speed}, lr: 1.0e-04 loss: 1.000e-01]`;

  it("shows the average when it closes, and the training's speed is another", () => {
    const report = analyzeLog(`${at(39, "00:39", "4.00it/s")}\r${at(40, "00:40", "1.00it/s")}\n`, {
      tool: "ai-toolkit",
    });

    expect(report).toMatchObject({ lastStep: 40, totalSteps: 40, lastSpeed: 1, runningSpeed: 4 });
  });

  it("counts when frames are doubled, glued to each other or to a message", () => {
    const one = at(4, "00:04", "1.00it/s");
    const two = at(5, "00:05", "2.00it/s");

    expect(figures(`${one}${one}${two}${two}\n`, "ai-toolkit")).toEqual([5, 40, 0.1, 1e-4, 2]);
    expect(figures(`${one}\n${one}\n${two}saving the model to disk\n`, "ai-toolkit")).toEqual([
      5, 40, 0.1, 1e-4, 2,
    ]);
    expect(figures(`${one}${two}loss is nan\n`, "ai-toolkit")).toEqual([5, 40, 0.1, 1e-4, 2]);
  });

  it("keeps the step of a loss that is not a number, and no loss", () => {
    expect(
      figures("steps:  10%|#  | 1/10 [00:01<00:09,  1.00s/it, avr_loss=nan]", "sd-scripts"),
    ).toEqual([1, 10, null, null, 1]);
    expect(
      figures("steps:  10%|#  | 1/10 [00:01<00:09,  1.00s/it, avr_loss=inf]", "sd-scripts"),
    ).toEqual([1, 10, null, null, 1]);
  });

  it("is read whatever draws it", () => {
    const fills = ["", "###", "█████▌    ", "5         ", " ".repeat(180)];
    for (const fill of fills) {
      const line = `steps:  50%|${fill}| 5/10 [1 day, 2:00:05<03:05,  1.00s/it, avr_loss=0.5]`;
      expect.soft(figures(line, "sd-scripts"), fill).toEqual([5, 10, 0.5, null, 1]);
    }
  });

  it("is not counted over by a line of epochs, and is where it may be something else's", () => {
    const training =
      "Epoch 2/10: 100%|####| 40/40 [01:20<00:00,  2.00s/it, loss=2.125, acc=55.00%]\n";
    const download = "100%|####| 170000000/170000000 [00:05<00:00, 34000000.00it/s]\n";

    expect(figures(`${training}Epoch 2/10 - Train Loss: 2.125, Test Acc: 65.00%\n`)).toEqual([
      40,
      40,
      2.125,
      null,
      0.5,
    ]);
    expect(
      figures(`${download}Epoch [1/5], Step [10/60], Loss: 0.3\n`, "pytorch").slice(0, 3),
    ).toEqual([10, 60, 0.3]);
  });

  it("is not what a sentence says of others", () => {
    const loss = "{'loss': 2.5, 'learning_rate': 1e-05}\n";

    expect(figures(`${loss}copied files 12/40 [00:01<00:02,  1.00it/s]\n`, "hf-trainer")).toEqual([
      null,
      null,
      2.5,
      1e-5,
      null,
    ]);
  });

  it("of a second run in the same file counts from the beginning", () => {
    expect(
      figures(
        `${at(30, "00:30", "1.00it/s")}\n${at(2, "00:02", "3.00it/s")}\r`,
        "ai-toolkit",
      ).slice(0, 1),
    ).toEqual([2]);
  });
});
