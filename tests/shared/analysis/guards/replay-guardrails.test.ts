import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createReplay } from "../../../../shared/analysis/guards/replay-guardrails.ts";
import { defaultGuardrailRules } from "../../../../shared/analysis/guards/guardrails.ts";
import {
  jobNameIn,
  nastyNames,
  readLogCases,
  replay,
  writtenLog,
} from "../../../support/guard-logs.ts";

const seed = Number(process.env["FC_SEED"] ?? 20261121);
const cases = readLogCases(
  new URL("../../../fixtures/logs/ai-toolkit-local-runs.jsonl", import.meta.url),
);
const healthy = cases.filter(({ expect: { outcome } }) => outcome === "healthy");

describe("healthy logs of the real trainer", () => {
  it("there are some, and their bars are read", () => {
    expect(healthy.length).toBeGreaterThanOrEqual(10);
    for (const { log } of healthy) {
      const replaying = createReplay({ jobName: jobNameIn(log), rules: defaultGuardrailRules });
      replaying.push(new TextEncoder().encode(log));
      expect(replaying.state().step).toBeGreaterThan(1);
    }
  });

  it.each(healthy.map((one) => [one.id, one.log] as const))("%s stops nothing", (_id, log) => {
    expect(replay(log, jobNameIn(log))).toEqual([]);
  });

  it.each(nastyNames)("stop nothing when the job is called %s", (name) => {
    for (const { log } of healthy) {
      const renamed = log.replaceAll(jobNameIn(log), name);
      expect(replay(renamed, name)).toEqual([]);
      // Lines that earlier systems took for a fault.
      const noisy = renamed.replaceAll(
        "\n",
        "\n2026-11-21 12:00:00 INFO predictions and inference, oom killer, nan, inf, timeout\n",
      );
      expect(replay(noisy, name)).toEqual([]);
    }
  });

  it("and what failed for another reason is not stopped for one of ours", () => {
    for (const { log, expect: label } of cases) {
      if (label.category === "nan_loss") continue;
      expect(replay(log, jobNameIn(log))).toEqual([]);
    }
  });
});

describe("planted faults", () => {
  it.each(["dog", ...nastyNames])("are found in the log of %s", (name) => {
    const started = () => writtenLog(name).steps(300, 1.5);
    const found = (text: string) => replay(text, name).map(({ code, step }) => [code, step]);

    expect(found(started().steps(300, 1.5).text())).toEqual([]);
    const nan = started();
    for (let i = 0; i < 3; i += 1) nan.line("loss is nan").steps(1, 1.5, () => 0);
    expect(found(nan.text())).toEqual([["TRAINING_NAN_LOSS", 302]]);

    const oom = started().oom().steps(3, 1.5).oom().steps(3, 1.5);
    expect(found(oom.text())).toEqual([]);
    expect(found(oom.oom().text())).toEqual([["TRAINING_REPEATED_OOM", 306]]);

    expect(found(started().hang(590).steps(5, 1.5).text())).toEqual([]);
    expect(found(started().hang(610).text())).toEqual([["TRAINING_STALLED_PROGRESS", 300]]);

    expect(found(started().steps(3, 60).text())).toEqual([["TRAINING_THROUGHPUT_COLLAPSE", 302]]);

    const exploded = replay(
      started()
        .steps(90, 1.5, () => 4)
        .text(),
      name,
    );
    expect(exploded.map(({ code }) => code)).toEqual(["TRAINING_LOSS_EXPLOSION"]);
    expect(exploded[0]?.step).toBeLessThan(300 + 80);
  });

  it("a save, pictures and a slow download in between are none", () => {
    const log = writtenLog("dog").steps(300, 1.5);
    log.line("Saving at step 300").hang(900);
    log.line("Saved checkpoint to /out/dog/dog_000000300.safetensors");
    log.line("Fetching 12 files: 100%|##########| 12/12 [10:00<00:00, 60000.00it/s]");
    log.line("Generating Images:   0%|          | 0/2 [00:00<?, ?it/s]").hang(900);
    expect(replay(log.steps(300, 1.5).text(), "dog")).toEqual([]);
  });
});

it("tells the line and the time, and the same however the bytes are cut", () => {
  const text = writtenLog("dog").steps(50, 1).oom().steps(1, 1).oom().oom().steps(9, 1).text();
  const whole = replay(text, "dog");
  const lines = text.slice(0, text.lastIndexOf("# OOM")).split("\n").length;
  expect(whole).toMatchObject([
    { code: "TRAINING_REPEATED_OOM", step: 51, line: lines, elapsedSeconds: 51 },
  ]);
  const bytes = new TextEncoder().encode(text);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sizes) => {
      const replaying = createReplay({ jobName: "dog", rules: defaultGuardrailRules });
      const told = [];
      let at = 0;
      for (let i = 0; at < bytes.byteLength; i += 1) {
        const size = sizes[i % sizes.length] ?? 1;
        told.push(...replaying.push(bytes.slice(at, at + size)));
        at += size;
      }
      told.push(...replaying.end());
      expect(told).toEqual(whole);
    }),
    { seed, numRuns: 30 },
  );
});
