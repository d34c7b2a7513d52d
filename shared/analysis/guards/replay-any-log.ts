import type { DescribedBar } from "../../logs/bars/bar.ts";
import { noBars, remembered } from "../../logs/bars/drawn-bars.ts";
import { noEvidence, readEvidence } from "../../logs/failure/evidence.ts";
import { createFragmenter, type Fragment } from "../../logs/fragments.ts";
import { barOf, noNumbers, readBar, readMetrics } from "../../logs/job-numbers.ts";
import type { LogTool } from "../../logs/log-report.ts";
import { type MetricLine, readMetricLine } from "../../logs/metric-lines.ts";
import { trainerOf } from "../../logs/trainer-kind.ts";
import type { GuardrailRules } from "./guardrails.ts";
import { createReplayJudge, longestReplaySeconds, type Replay } from "./replay-judge.ts";

/**
 * Runs any trainer's log through every rule: its own bar and its metric lines give steps, losses and speed, read as
 * analyze-log reads them. Time is what the bar shows as elapsed; without a bar it is steps divided by the printed speed.
 * While another bar is drawn, or a line tells of saving or evaluating, no stall is counted. Skipped batches are AI Toolkit's.
 */
export function createAnyLogReplay(options: {
  /** What the training calls itself on its bar; null: it is recognised. */
  readonly jobName: string | null;
  readonly rules: GuardrailRules;
}): Replay {
  const { jobName, rules } = options;
  const judge = createReplayJudge(rules);
  const fragmenter = createFragmenter();
  const numbers = noNumbers();
  const drawnBars = noBars();
  const evidence = noEvidence();
  let tool: LogTool | null = null;
  let named = false;
  /** The bar's loss at its count: tqdm draws a new count once with the loss of the one before. */
  let pending: { step: number; loss: number } | null = null;
  let barHasLoss = false;
  let lossLines = 0;

  const setPhase = (phase: "training" | "saving"): void => {
    if (judge.state().phase !== phase)
      judge.take({ kind: "event", event: { kind: "phase", phase } });
  };

  const settle = (): void => {
    if (pending !== null) judge.take({ kind: "loss", ...pending });
    pending = null;
  };

  const progress = (currentStep: number, stepsPerSecond: number | null): void => {
    judge.take({
      kind: "event",
      event: {
        kind: "progress",
        currentStep,
        totalSteps: numbers.total ?? unknownTotal,
        stepsPerSecond,
        remainingSeconds: null,
      },
    });
  };

  /** What is told once in many steps was not one long wait: the steps between are spread over the time. */
  const passTo = (seconds: number, step: number): void => {
    const from = judge.elapsed();
    const before = judge.state().step ?? step;
    const whole = seconds - from;
    const parts = Math.min(step - before, Math.ceil(Math.min(whole, longestReplaySeconds) / 5));
    for (let part = 1; part < parts; part += 1) {
      judge.pass(from + (whole * part) / parts);
      progress(before + Math.floor(((step - before) * part) / parts), null);
    }
    judge.pass(seconds);
  };

  const readDrawn = (drawn: DescribedBar, { endedBy }: Fragment): void => {
    const { bar, description } = drawn;
    const known = remembered(drawn, drawnBars, jobName, tool);
    const closing = endedBy !== "\r" && bar.count >= bar.total;
    if (!readBar(bar, known, closing, numbers)) return setPhase("saving");
    if (jobName !== null && description.endsWith(jobName)) named = true;
    passTo(bar.elapsedSeconds, bar.count);
    setPhase("training");
    if (pending !== null && pending.step !== bar.count) settle();
    if (bar.loss !== null) {
      barHasLoss = true;
      pending = { step: bar.count, loss: bar.loss };
    }
    progress(bar.count, numbers.runningSpeed);
  };

  const readNumbers = (metrics: MetricLine): void => {
    const before = judge.state().step;
    readMetrics(metrics, numbers);
    const loss = trainingLoss(metrics);
    if (loss !== null) lossLines += 1;
    const step = numbers.step ?? (lossLines > 0 ? lossLines : null);
    if (step === null) return;
    const { stepsPerSecond } = metrics;
    if (numbers.owner === null) {
      if (before !== null && step > before && stepsPerSecond !== null && stepsPerSecond > 0) {
        const seconds = Math.min((step - before) / stepsPerSecond, longestReplaySeconds);
        passTo(judge.elapsed() + seconds, step);
      }
      setPhase("training");
    }
    // A loss belongs to the steps before the count that is told with it.
    if (loss !== null && !barHasLoss) judge.take({ kind: "loss", step, loss });
    if (step !== before) progress(step, numbers.runningSpeed);
  };

  const readLine = (text: string): void => {
    const line = text.trimEnd();
    if (line === "") return;
    tool ??= trainerOf(line);
    if (readEvidence(line, evidence)) return;
    const table = /^(Step|Epoch)\tTraining Loss(?:\t|$)/.exec(line)?.[1];
    if (table === "Step" || table === "Epoch") numbers.table = table;
    const metrics = readMetricLine(line, numbers.table);
    if (metrics) readNumbers(metrics);
    else if (otherWork.test(line)) setPhase("saving");
  };

  const read = (fragments: readonly Fragment[]): void => {
    for (const fragment of fragments) {
      // The middle of an overlong run: nothing in it stands at the beginning of a line.
      let rest = fragment.continued ? "" : fragment.text;
      for (let bars = 0; bars < barsOfOneFragment && rest !== ""; bars += 1) {
        const drawn = barOf(rest, jobName);
        if (drawn === null) break;
        readDrawn(drawn, fragment);
        rest = drawn.bar.tail;
      }
      readLine(rest);
      if (fragment.endedBy === "\n") judge.nextLine();
    }
  };

  return {
    push(bytes) {
      read(fragmenter.push(bytes));
      return judge.told();
    },
    end() {
      read(fragmenter.flush());
      settle();
      return judge.told();
    },
    state() {
      const state = judge.state();
      return state.totalSteps === unknownTotal ? { ...state, totalSteps: null } : state;
    },
    lines: judge.lines,
    losses: judge.losses,
    found: () => (jobName === null ? judge.state().step !== null : named),
  };
}

/**
 * Hugging Face's Trainer prints a loss of 0 where it was NaN, and a NaN gradient beside it. A NaN gradient beside a real
 * loss is mixed precision finding its scale; a NaN of an evaluation is not the training's.
 */
function trainingLoss({ loss, nan }: MetricLine): number | null {
  return loss === 0 && nan ? Number.NaN : loss;
}

/** A log that does not say how many steps there will be has not reached its end. */
const unknownTotal = Number.MAX_SAFE_INTEGER;
/** Doubled frames come in twos and threes; more is no log of a trainer. */
const barsOfOneFragment = 64;
const otherWork = /\b(?:sav(?:e|ing)|evaluat|validat|sampl(?:e|ing)|generat|cach(?:e|ing))/i;
