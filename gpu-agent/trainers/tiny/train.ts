import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import {
  ADAPTER_SCALE,
  adapterArrays,
  createAdapter,
  LAYERS,
  zeroAdapter,
  type Adapter,
} from "./adapter.ts";
import { createAdam } from "./adam.ts";
import { exponential, openBar, type Bar } from "./bar.ts";
import { findCheckpoint, restoreOptimizer, saveCheckpoint } from "./checkpoint.ts";
import { FEATURES, positionFeatures } from "./conditioning.ts";
import type { TinyConfig } from "./config.ts";
import { loadImages, type TrainingImage } from "./images.ts";
import type { JobRow } from "./job-row.ts";
import { openLossLog, type LossLog } from "./loss-log.ts";
import { createNetwork, OUTPUT_STRIDE, type Network } from "./network.ts";
import { printAdapterLines, printTimer, type Output } from "./output.ts";
import { randomFrom } from "./random.ts";
import { writeSamples } from "./sampler.ts";
import type { Truth } from "./truth.ts";

export interface TrainOptions {
  /** Random pixels per step. Even. */
  readonly pixelsPerStep: number;
  /** Waited after every step, for those who need a slow run. */
  readonly stepDelayMs: number;
  readonly printTimers: boolean;
}

interface TrainSinks {
  readonly out: Output;
  readonly truth: Truth;
  readonly row: JobRow;
  /** Whoever ends the process before the job does closes it. */
  readonly onLossLog: (lossLog: LossLog) => void;
}

/** The whole job, from the adapter's creation to the final file. */
export async function train(
  config: TinyConfig,
  options: TrainOptions,
  sinks: TrainSinks,
): Promise<void> {
  const { out, truth, row } = sinks;
  mkdirSync(join(config.outputFolder, "samples"), { recursive: true });
  writeFileSync(
    join(config.outputFolder, "config.yaml"),
    `${JSON.stringify(config.document, null, 2)}\n`,
  );
  row.stopIfAsked();
  row.status("running", "Loading model");
  const { adapter, adam, startStep } = prepareAdapter(config, out);
  row.stopIfAsked();
  row.status("running", "Loading dataset");
  const images = await loadImages(config, out);
  const network = createNetwork(options.pixelsPerStep);
  truth.write({
    t: "start",
    pid: process.pid,
    start_step: startStep,
    total_steps: config.steps,
    at_ms: Date.now(),
  });

  const epochAt = (step: number): number => Math.floor((step * config.batchSize) / images.length);
  const save = (step: number, final: boolean): void => {
    row.stopIfAsked();
    row.status("running", "Saving model");
    saveCheckpoint({ config, adapter, adam, step, epoch: epochAt(step), final }, out, truth);
    row.stopIfAsked();
    row.status("running", "Training");
  };
  const sample = (step: number, belowBar: boolean): Promise<void> =>
    writeSamples({ config, network, adapter, step, belowBar }, sinks);

  row.step(startStep);
  await firstSample(config, startStep, out, sample);
  const lossLog = config.lossLog
    ? openLossLog(join(config.outputFolder, "loss_log.db"), startStep)
    : undefined;
  if (lossLog) sinks.onLossLog(lossLog);
  try {
    row.status("running", "Training");
    const trainStep = createTrainStep({ config, network, adapter, adam, images });
    await runSteps({ config, options, startStep, trainStep, save, sample, lossLog, ...sinks });
    const lastStep = Math.max(config.steps, startStep);
    save(lastStep, true);
    if (!config.disableSampling) await sample(lastStep, false);
  } finally {
    lossLog?.close();
  }
  out.line();
  row.status("completed", "Training completed");
}

/** Continues from the newest valid checkpoint. The step in its metadata is done again, as AI Toolkit does. */
function prepareAdapter(
  config: TinyConfig,
  out: Output,
): {
  readonly adapter: Adapter;
  readonly adam: ReturnType<typeof createAdam>;
  readonly startStep: number;
} {
  const alpha = config.rank * ADAPTER_SCALE;
  printAdapterLines(out, { rank: config.rank, alpha, modules: LAYERS.length });
  const checkpoint = findCheckpoint(config, out);
  const adapter = checkpoint?.adapter ?? createAdapter(config.rank, config.seed);
  const adam = createAdam(adapterArrays(adapter));
  if (!checkpoint) return { adapter, adam, startStep: 0 };
  out.line(`#### IMPORTANT RESUMING FROM ${checkpoint.path} ####`);
  out.line(`Loading from ${checkpoint.path}`);
  out.line(`Found step ${checkpoint.step} in metadata, starting from there`);
  restoreOptimizer(config, { adam, step: checkpoint.step }, out);
  return { adapter, adam, startStep: checkpoint.step };
}

async function firstSample(
  config: TinyConfig,
  startStep: number,
  out: Output,
  sample: (step: number, belowBar: boolean) => Promise<void>,
): Promise<void> {
  if (config.skipFirstSample || config.disableSampling) {
    out.line("Skipping first sample due to config setting");
  } else if (startStep <= 1 || config.forceFirstSample) {
    out.line("Generating baseline samples before training");
    await sample(startStep, false);
  }
}

async function runSteps(run: {
  readonly config: TinyConfig;
  readonly options: TrainOptions;
  readonly startStep: number;
  readonly trainStep: (step: number) => number;
  readonly save: (step: number, final: boolean) => void;
  readonly sample: (step: number, belowBar: boolean) => Promise<void>;
  readonly lossLog: LossLog | undefined;
  readonly out: Output;
  readonly truth: Truth;
  readonly row: JobRow;
}): Promise<void> {
  const { config, startStep, out, truth } = run;
  const bar = openBar({
    name: config.name,
    total: config.steps,
    initial: startStep,
    smoothing: 0.7,
    write: out.bar,
    nowMs: () => performance.now(),
  });
  const waitAfterStep = createStepDelay(run.options.stepDelayMs);
  const isDue = (step: number, every: number): boolean =>
    every > 0 && step % every === 0 && step !== startStep;
  let timedSteps = 0;
  let timedMs = 0;

  for (let step = startStep; step < config.steps; step++) {
    const startedMs = performance.now();
    const loss = run.trainStep(step);
    timedSteps++;
    timedMs += performance.now() - startedMs;
    const lr = config.learningRate;
    const shownLoss = Number.isNaN(loss) ? 0 : loss;
    truth.write({
      t: "step",
      step,
      loss: Number.isNaN(loss) ? "NaN" : loss,
      lr,
      at_ms: Date.now(),
    });
    if (Number.isNaN(loss)) out.line("loss is nan");
    bar.setPostfix(`lr: ${exponential(lr, 1)} loss: ${exponential(shownLoss, 3)}`);
    // Before the pictures, not after them as AI Toolkit does: an interrupt between them would lose the step.
    if (step % config.logEvery === 0) {
      run.lossLog?.record(step, { learning_rate: lr, "loss/loss": shownLoss });
    }

    if (isDue(step, config.saveEvery)) {
      bar.pause();
      out.line(`\nSaving at step ${step}`);
      run.save(step, false);
      bar.resume();
    }
    if (isDue(step, config.sampleEvery) && !config.disableSampling) {
      bar.pause();
      await run.sample(step, true);
      bar.resume();
    }
    if (isDue(step, config.performanceLogEvery)) {
      if (run.options.printTimers) {
        printTimer(out, { name: config.name, averageMs: timedMs / timedSteps, count: timedSteps });
      }
      timedSteps = 0;
      timedMs = 0;
    }
    bar.advance();
    await waitAfterStep();
    await doWhatIsAsked(step + 1, bar, run);
  }
  bar.close();
}

/** In AI Toolkit's order. `completed` steps were made; what is saved goes on with the step of that number. */
async function doWhatIsAsked(
  completed: number,
  bar: Bar,
  run: {
    readonly row: JobRow;
    readonly out: Output;
    readonly save: (step: number, final: boolean) => void;
    readonly sample: (step: number, belowBar: boolean) => Promise<void>;
  },
): Promise<void> {
  const { row, out } = run;
  row.step(completed);
  row.stopIfAsked();
  if (row.takeRequest("save_now")) {
    bar.pause();
    out.line(`\nSaving at step ${completed}`);
    run.save(completed, false);
    bar.resume();
  }
  if (row.takeRequest("sample_now")) {
    bar.pause();
    out.line(`\nSampling at step ${completed}`);
    await run.sample(completed, true);
    bar.resume();
  }
}

/**
 * One optimiser update; returns the loss before it. The pixels are drawn from (seed, step), not from a running
 * generator, so a resumed job sees what an uninterrupted one would have seen.
 */
function createTrainStep(parts: {
  readonly config: TinyConfig;
  readonly network: Network;
  readonly adapter: Adapter;
  readonly adam: ReturnType<typeof createAdam>;
  readonly images: readonly TrainingImage[];
}): (step: number) => number {
  const { config, network, adapter, adam, images } = parts;
  const side = config.resolution;
  const grid = new Float32Array(side * side * FEATURES);
  for (let at = 0; at < side * side; at++) {
    positionFeatures(
      grid,
      at * FEATURES,
      ((at % side) + 0.5) / side,
      (Math.floor(at / side) + 0.5) / side,
    );
  }
  const targets = new Float32Array(network.maxRows * OUTPUT_STRIDE);
  const gradients = zeroAdapter(config.rank);
  const gradientArrays = adapterArrays(gradients);

  return (step) => {
    const random = randomFrom("pixels", config.seed, step);
    for (let row = 0; row < network.maxRows; row++) {
      const image = images[random.below(images.length)]!;
      const pixel = random.below(side * side);
      network.rowGates[row] = image.gates;
      for (let at = 0; at < FEATURES; at++) {
        network.features[row * FEATURES + at] = grid[pixel * FEATURES + at]!;
      }
      for (let colour = 0; colour < 3; colour++) {
        targets[row * OUTPUT_STRIDE + colour] = image.pixels[pixel * 3 + colour]!;
      }
    }
    network.merge(adapter);
    network.forward(network.maxRows);
    const loss = network.loss(targets);
    // As AI Toolkit: a NaN loss is replaced by a constant 0, which has no gradient, so the weights stay as they are.
    if (Number.isNaN(loss)) return Number.NaN;
    network.backward(adapter, gradients);
    adam.update(gradientArrays, config.learningRate);
    // Colours overflowed half precision. The update above has just made the weights NaN, for good, as in fp16 training.
    return Number.isFinite(loss) ? loss : Number.NaN;
  };
}

/** Always gives the event loop a turn, so that SIGINT is seen. Fractions of a millisecond add up over steps. */
function createStepDelay(delayMs: number): () => Promise<void> {
  let owedMs = 0;
  return async () => {
    owedMs += delayMs;
    if (owedMs < 1) {
      await nextTurn();
      return;
    }
    const startedMs = performance.now();
    await sleep(Math.floor(owedMs));
    // Timers are late by up to a millisecond or two: what was slept too long is taken off the next one.
    owedMs = Math.max(-delayMs, owedMs - (performance.now() - startedMs));
  };
}
