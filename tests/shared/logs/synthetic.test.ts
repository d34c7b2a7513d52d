import { describe, expect, it } from "vitest";
import { analyzeLog, createLogReader } from "../../../shared/logs/log-reader.ts";
import type { LogReport } from "../../../shared/logs/log-report.ts";
import type { SyntheticTruth } from "../../../shared/logs/synthetic/course.ts";
import {
  formatsOf,
  type ScenarioName,
  syntheticFormats,
  syntheticScenarios,
} from "../../../shared/logs/synthetic/scenarios.ts";
import {
  syntheticLog,
  type SyntheticLogOptions,
} from "../../../shared/logs/synthetic/synthetic-log.ts";
import { seededRandom } from "../../../shared/logs/synthetic/seeded-random.ts";

function write(options: SyntheticLogOptions): { log: string; truth: SyntheticTruth } {
  const pieces = syntheticLog(options);
  let log = "";
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return { log, truth: value };
    log += value;
  }
}

const numbersOf = ({ lastStep, totalSteps, lastLoss, lastLr, lastSpeed }: LogReport) => ({
  lastStep,
  totalSteps,
  lastLoss,
  lastLr,
  lastSpeed,
});

const scenarioNames = Object.keys(syntheticScenarios) as ScenarioName[];
const pairs = scenarioNames.flatMap((name) =>
  formatsOf(name).map((format) => [name, format] as const),
);

describe("a synthetic log", () => {
  it("says so in its first line, and not what is in it", () => {
    for (const [scenario, format] of pairs) {
      const [first = ""] = write({ scenario, steps: 20, format }).log.split("\n");
      expect(first).toMatch(/^# This log is synthetic: .* nothing was trained\.$/);
      expect(analyzeLog(first)).toMatchObject({ outcome: "healthy", category: "none" });
    }
  });

  it("is the same for the same seed and another for another", () => {
    for (const format of syntheticFormats) {
      const one = write({ scenario: "finished", steps: 50, format, seed: 3 }).log;
      expect(write({ scenario: "finished", steps: 50, format, seed: 3 }).log).toBe(one);
      expect(write({ scenario: "finished", steps: 50, format, seed: 4 }).log).not.toBe(one);
    }
  });

  it("draws the trainer's bar twice a step, as it does", () => {
    const { log } = write({ scenario: "finished", steps: 30, jobName: "twice" });
    expect(log.split("\r").filter((run) => run.startsWith("twice: "))).toHaveLength(1 + 2 * 30 + 1);
    expect(log).toContain("\rtwice:   0%|          | 0/30 [00:00<?, ?it/s]");
    expect(log).toMatch(
      /\rtwice: 100%\|██████████\| 30\/30 \[00:\d\d<00:00, {2}1\.\d\dit\/s, lr: 1\.0e-04 loss: \d\.\d{3}e-01\]\nSaved checkpoint/,
    );
  });

  it("shows every category of failure in some scenario", () => {
    const shown = new Set(scenarioNames.map((name) => syntheticScenarios[name].category));
    expect(shown.size).toBe(24);
  });

  it("refuses a scenario that its trainer cannot show", () => {
    expect(() => write({ scenario: "oom-skipped", steps: 9, format: "mlx-lm" })).toThrow(
      "cannot show the scenario oom-skipped",
    );
  });

  it("comes in pieces that stay small, however many steps there are", () => {
    const pieces = syntheticLog({ scenario: "healthy", steps: 100_000_000 });
    let longest = 0;
    for (let count = 0; count < 20_000; count++) {
      const { done, value } = pieces.next();
      longest = Math.max(longest, done === true ? Infinity : value.length);
    }
    expect(longest).toBeLessThan(4_096);
  });
});

describe("the reader finds what a synthetic log shows", () => {
  it.each(pairs)("%s, %s", (scenario, format) => {
    for (const [seed, steps] of [
      [1, 40],
      [2, 700],
    ] as const) {
      const { log, truth } = write({ scenario, steps, format, seed });
      const report = analyzeLog(log);
      const { outcome, category } = syntheticScenarios[scenario];
      expect(report).toMatchObject({ outcome, category });
      expect(numbersOf(report)).toEqual(truth);
      expect(log).toContain(report.rootCauseLine ?? "");
      expect([report.cause === null, report.fix === null]).toEqual(
        outcome === "healthy" ? [true, true] : [false, false],
      );
    }
  });
});

describe("no healthy log is taken for a failed one", () => {
  const seed = 20_261_121;
  const words = [
    "inference",
    "INFO",
    "banana",
    "bloom",
    "living_room",
    "zoom",
    "mushroom",
    "nan",
    "Fernando_tenant",
    "inf",
    "timeout=30",
    "tls",
    "ssl dns",
    "50% linen",
    "100%|",
    "a/b|c",
    "12/40 [00:01",
    "x: 7%|",
    "損失 ロス",
    "Ünïcödé 🐱",
    "killed bill",
    "error",
    "Fatal attraction",
    "oom",
    "out of memory lane",
    "CUDA",
    "Segmentation fault lines",
    "Traceback",
    "permission denied",
    "gated community",
    "loss is nan",
    "v1.5 (final) [best] *new*",
    "trailing colon:",
    "steps",
  ] as const;
  const notices = [
    "The attention mask is not set; this matters for predictions and inference only.",
    "2026-08-21 10:22:01,118 INFO urllib3.connectionpool timeout=30 retries=3",
    'INFO:httpx:HTTP Request: GET https://huggingface.co/api/models/a/b "HTTP/1.1 200 OK"',
    "/venv/lib/python3.11/site-packages/torch/utils/checkpoint.py:295: FutureWarning: `torch.cpu.amp.autocast(args...)` is deprecated.",
    "UserWarning: None of the inputs have requires_grad=True. Gradients will be None",
    "ssl: using system certificates, tls 1.3",
    "caption: a banana in bloom, nan bread, no error, killed the lights",
    "WARNING:torchao.kernel.intmm:Warning: Detected no triton, on systems without Triton certain kernels will not work",
    "max grad norm: inf",
    "Xformers is not installed correctly. If you want to use memory_efficient_attention to accelerate training use the following command to install Xformers",
  ] as const;

  it(`in 200 logs with nasty names and harmless words (seed ${seed})`, () => {
    const random = seededRandom(seed);
    for (let index = 0; index < 200; index++) {
      const scenario = random.pick(["healthy", "finished", "resumed", "slow"] as const);
      const format = random.pick(["ai-toolkit", ...syntheticFormats] as const);
      if (!formatsOf(scenario).includes(format)) continue;
      const jobName = `${random.pick(words)} ${random.pick(words)}`;
      const steps = 20 + Math.floor(random.uniform() * 400);
      const made = write({ scenario, steps, format, jobName, seed: index });
      // A library speaks on a line of its own, now and then while the training runs.
      const log = made.log.replace(/\n/g, (newline) =>
        random.uniform() < 0.1 ? `\n${random.pick(notices)}\n` : newline,
      );
      const report = analyzeLog(log);
      expect.soft({ index, format, scenario, jobName, ...pick(report) }).toEqual({
        index,
        format,
        scenario,
        jobName,
        outcome: "healthy",
        category: "none",
        rootCauseLine: null,
      });
      if (log === made.log) expect.soft(numbersOf(report), jobName).toEqual(made.truth);
      const reader = createLogReader({ jobName });
      reader.push(new TextEncoder().encode(log));
      expect
        .soft(numbersOf(reader.report()), `named ${jobName}, ${format}, ${scenario}`)
        .toEqual(made.truth);
    }
  });

  function pick({ outcome, category, rootCauseLine }: LogReport) {
    return { outcome, category, rootCauseLine };
  }
});
