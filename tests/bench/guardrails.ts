import {
  defaultGuardrailRules,
  freshGuardrailState,
  observe,
} from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { Observation } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { jobNameIn, nastyNames, readLogCases, replay, writtenLog } from "../support/guard-logs.ts";
import { printFigure } from "./figures.ts";

const cases = readLogCases(
  new URL("../fixtures/logs/ai-toolkit-local-runs.jsonl", import.meta.url),
);

/** Stops of healthy logs, how soon a planted fault is found, and what judging costs. */
export async function benchGuardrails(): Promise<void> {
  const healthy = cases.filter((one) => one.expect.outcome === "healthy");
  let replays = 0;
  let stops = 0;
  for (const { log } of healthy) {
    for (const name of [jobNameIn(log), ...nastyNames]) {
      replays += 1;
      stops += replay(log.replaceAll(jobNameIn(log), name), name).length;
    }
  }
  printFigure({
    name: "stops of healthy logs, each under its own and every nasty name",
    unit: `of ${replays} replays`,
    values: [stops],
    goal: { kind: "at most", value: 0 },
  });
  benchDelays();
  benchCost();
}

/** 300 good steps of 1.5 s, then the fault; how much training it took until its rule fired. */
function benchDelays(): void {
  const started = () => writtenLog("dog").steps(300, 1.5);
  const nan = started();
  for (let i = 0; i < 9; i += 1) nan.line("loss is nan").steps(1, 1.5, () => 0);
  const oom = started();
  for (let i = 0; i < 9; i += 1) oom.oom().steps(1, 1.5);
  const explosion = started().steps(200, 1.5, (step) => 2 + (step % 5) / 10);
  const planted: readonly (readonly [string, string, string, number])[] = [
    ["NaN in every step", nan.text(), "steps", 3],
    ["a batch skipped in every step", oom.text(), "steps", 3],
    ["a loss twenty times as high", explosion.text(), "steps", 80],
    ["a speed of a fortieth (60 s a step)", started().steps(9, 60).text(), "steps", 3],
    ["no step any more", started().hang(900).text(), "seconds", 605],
  ];
  for (const [name, text, unit, bound] of planted) {
    const [first] = replay(text, "dog");
    const delay =
      first === undefined
        ? Number.NaN
        : unit === "steps"
          ? (first.step ?? 0) - 299
          : first.elapsedSeconds - 450;
    printFigure({
      name: `${name}: found after`,
      unit,
      values: [delay],
      goal: { kind: "at most", value: bound },
      note: first?.code ?? "not found",
    });
  }
}

/** What a step brings: two redraws, a loss and a tick. */
function benchCost(): void {
  const count = 100_000;
  const observations: Observation[] = [];
  for (let step = 0; step < count / 4; step += 1) {
    const progress = {
      kind: "progress",
      currentStep: step,
      totalSteps: 1_000_000,
      stepsPerSecond: 2,
      remainingSeconds: 1,
    } as const;
    observations.push(
      { kind: "event", event: progress },
      { kind: "event", event: { ...progress, currentStep: step + 1 } },
      { kind: "loss", step, loss: 0.1 + (step % 37) / 100 },
      { kind: "tick", elapsedMs: 500, ranMs: step * 500, disk: null },
    );
  }
  const values: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    let state = observe(defaultGuardrailRules, freshGuardrailState, {
      kind: "event",
      event: { kind: "phase", phase: "training" },
    }).state;
    const begun = performance.now();
    for (const observation of observations) {
      state = observe(defaultGuardrailRules, state, observation).state;
    }
    if (round > 1) values.push(((performance.now() - begun) * 1e6) / observations.length);
    if (round === 8) {
      printFigure({
        name: "state in the spool",
        unit: "bytes of JSON",
        values: [JSON.stringify(state).length],
      });
    }
  }
  printFigure({ name: "one judged event, all rules on", unit: "ns", values });
}
