import { describe, expect, it } from "vitest";
import { analyzeLog } from "../../../shared/logs/log-reader.ts";
import { seededRandom } from "../../../shared/logs/synthetic/seeded-random.ts";

const seed = Number(process.env["LOG_SEED"] ?? Date.now() % 2 ** 31);

describe("a healthy log with nasty names and harmless words", () => {
  const words = [
    "inference",
    "INFO",
    "banana",
    "bloom",
    "fernando",
    "tenant",
    "living_room",
    "zoom",
    "mushroom",
    "timeout=30",
    "tls",
    "ssl_on",
    "dns",
    "traceback_free",
    "killed_it",
    "oom_test",
    "error",
    "Error",
    "exception",
    "nan",
    "inf",
    "No space",
    "gated",
    "KeyError",
    "abort",
    "SIGKILL",
    "denied",
    "corrupt",
    "missing",
    "100%",
    "CUDA",
    "RuntimeError",
  ];

  it(`is healthy (LOG_SEED=${seed})`, () => {
    const seeded = seededRandom(seed);
    const random = (): number => seeded.uniform();
    const pick = (): string => words[Math.floor(random() * words.length)] ?? "";
    for (let times = 0; times < 200; times++) {
      const name = Array.from({ length: 1 + Math.floor(random() * 3) }, pick).join(
        random() < 0.5 ? "_" : " ",
      );
      const bar = (count: number): string =>
        `${name}: ${String(count * 5).padStart(3)}%|#   | ${count}/20 [00:0${count % 10}<00:09,  1.50it/s, lr: 1.0e-04 loss: ${(1 + random()).toFixed(3)}e-01]\r`;
      const log = [
        `# Running job: ${name}\n`,
        `INFO     ${pick()}: ${pick()} ${pick()}\n`,
        `{\n    "name": "${pick()}",\n    "prompt": "${pick()} CUDA out of memory ${pick()}"\n}\n`,
        `predictions and inference for ${pick()}, ${pick()}=${Math.floor(random() * 99)}\n`,
        `Dataset: /workspace/${pick()}/${pick()}\n  -  Found ${1 + Math.floor(random() * 99)} images\n`,
        bar(0),
        bar(1),
        `Generating Samples: 100%|####| 2/2 [00:02<00:00,  1.00s/it]\r`,
        bar(2),
        `/x/${pick()}.py:12: UserWarning: ${pick()} ${pick()} is not available, falling back\n`,
        `Saving at step 2 to ${pick()}.safetensors\n`,
        bar(3),
      ].join("");

      const report = analyzeLog(log);

      expect(report, log).toMatchObject({
        outcome: "healthy",
        nanCount: 0,
        lastStep: 3,
        totalSteps: 20,
        lastSpeed: 1.5,
      });
    }
  });
});
