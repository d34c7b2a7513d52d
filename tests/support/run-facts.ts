import fc from "fast-check";
import { addLosses, emptyLoss } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import type { LossAggregate } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import { noFaults } from "@trainyard/shared/analysis/run-facts.ts";
import type {
  CaptionStatistics,
  ConfigFacts,
  DatasetRunFacts,
  JobFacts,
  RunFacts,
} from "@trainyard/shared/analysis/run-facts.ts";
import { addSpeed, emptySpeed } from "@trainyard/shared/analysis/speed-aggregate.ts";
import type { SpeedAggregate } from "@trainyard/shared/analysis/speed-aggregate.ts";
import { jobStates } from "@trainyard/shared/jobs/state.ts";
import { familyNames } from "@trainyard/shared/training/families.ts";

export const nowMs = Date.UTC(2026, 10, 21, 12);

export function lossOf(losses: readonly (number | null)[], firstStep = 0): LossAggregate {
  return addLosses(
    emptyLoss,
    losses.map((_, i) => firstStep + i),
    losses,
  );
}

/** One value every ten steps, as many seconds apart as the rate says. */
export function speedOf(rates: readonly number[]): SpeedAggregate {
  let speed = emptySpeed;
  let atMs = nowMs;
  for (let i = 0; i < rates.length; i += 1) {
    const rate = rates[i] as number;
    atMs += 10_000 / rate;
    speed = addSpeed(speed, (i + 1) * 10, rate, atMs);
  }
  return speed;
}

export const job: JobFacts = {
  id: "job-1",
  name: "red-fox",
  configName: "red-fox",
  state: "completed",
  phase: null,
  trainer: "ai-toolkit",
  trainerVersion: "27a03a9",
  agentName: "attic",
  attempts: 1,
  currentStep: 2_000,
  totalSteps: 2_000,
  remainingSeconds: null,
  createdAtMs: nowMs - 7_200_000,
  startedAtMs: nowMs - 7_000_000,
  endedAtMs: nowMs,
  observedAtMs: nowMs,
};

export const config: ConfigFacts = {
  family: "flux",
  arch: "flux",
  modelName: "black-forest-labs/FLUX.1-dev",
  steps: 2_000,
  learningRate: 1e-4,
  rank: 16,
  alpha: 16,
  batchSize: 1,
  resolution: [512, 768],
  optimizer: "adamw8bit",
  datasetPath: "datasets/foxes",
};

export const captions: CaptionStatistics = {
  captions: 40,
  tokens: 400,
  vocabulary: 160,
  meanWords: 14,
  uniqueRatio: 1,
  asciiRatio: 1,
  topTerms: [{ term: "fox", count: 40 }],
};

export const dataset: DatasetRunFacts = {
  path: "datasets/foxes",
  exists: true,
  images: 40,
  scanned: 40,
  scanLimited: false,
  captioned: 40,
  emptyCaptions: 0,
  totalBytes: 40_000_000,
  corrupt: 0,
  duplicates: 0,
  lowResolution: 0,
  extremeAspect: 0,
  captions,
};

/** A completed Flux run that nothing is wrong with: the loss falls by two fifths, 0.2 steps a second. */
export function healthyRun(changes: Partial<RunFacts> = {}): RunFacts {
  return {
    job,
    config,
    loss: lossOf(Array.from({ length: 2_000 }, (_, i) => 0.4 * Math.exp((-i / 2_000) * 0.7))),
    validationLoss: null,
    speed: speedOf(Array.from({ length: 200 }, () => 0.2)),
    faults: noFaults,
    failure: null,
    dataset,
    checkpoints: {
      count: 8,
      last: { step: 1_999, path: "outputs/red-fox/red-fox_000001999.safetensors" },
      finalModel: true,
      samples: 32,
    },
    alerts: [],
    hardware: null,
    ...changes,
  };
}

/** Queued, nothing known. */
export function emptyRun(changes: Partial<RunFacts> = {}): RunFacts {
  return {
    ...healthyRun(),
    job: {
      ...job,
      state: "queued",
      attempts: 0,
      currentStep: null,
      totalSteps: null,
      startedAtMs: null,
      endedAtMs: null,
      observedAtMs: null,
    },
    config: {
      family: null,
      arch: null,
      modelName: null,
      steps: null,
      learningRate: null,
      rank: null,
      alpha: null,
      batchSize: null,
      resolution: null,
      optimizer: null,
      datasetPath: null,
    },
    loss: emptyLoss,
    speed: emptySpeed,
    dataset: null,
    checkpoints: { count: 0, last: null, finalModel: false, samples: 0 },
    ...changes,
  };
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const count = fc.nat(1_000_000);
const text = fc.string({ maxLength: 30 });

const anyLoss: fc.Arbitrary<LossAggregate> = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.double({ min: 1e-6, max: 10, noNaN: true }) },
        { weight: 1, arbitrary: fc.double() },
        { weight: 1, arbitrary: fc.constantFrom(null, 0, -1, 5e-324, 1.7e308, Number.NaN) },
      ),
      { maxLength: 400 },
    ),
    fc.nat(1_000_000),
  )
  .map(([losses, firstStep]) => lossOf(losses, firstStep));

const anySpeed: fc.Arbitrary<SpeedAggregate> = fc
  .array(fc.oneof(fc.double({ min: 1e-4, max: 100, noNaN: true }), fc.double()), { maxLength: 200 })
  .map((rates) =>
    rates.reduce((speed, rate, i) => addSpeed(speed, i, rate, nowMs + 1_000 * i), emptySpeed),
  );

const anyCaptions: fc.Arbitrary<CaptionStatistics> = fc
  .tuple(count, count, count, fc.double({ min: 0, max: 200, noNaN: true }), text)
  .map(([captionCount, tokens, vocabulary, meanWords, term]) => ({
    captions: captionCount,
    tokens,
    vocabulary: Math.min(tokens, vocabulary),
    meanWords,
    uniqueRatio: 0.5,
    asciiRatio: null,
    topTerms: [{ term, count: 1 }],
  }));

const anyDataset: fc.Arbitrary<DatasetRunFacts> = fc.record({
  path: text,
  exists: fc.boolean(),
  images: maybe(count),
  scanned: maybe(count),
  scanLimited: fc.boolean(),
  captioned: maybe(count),
  emptyCaptions: maybe(count),
  totalBytes: maybe(count),
  corrupt: maybe(count),
  duplicates: maybe(count),
  lowResolution: maybe(count),
  extremeAspect: maybe(count),
  captions: maybe(anyCaptions),
});

/** Any facts that could ever be gathered, and many that could not. */
export const anyRun: fc.Arbitrary<RunFacts> = fc.record({
  job: fc.record({
    id: fc.string({ minLength: 1, maxLength: 20 }),
    name: text,
    configName: maybe(text),
    state: fc.constantFrom(...jobStates),
    phase: fc.constantFrom(null, "loading" as const, "training" as const),
    trainer: fc.constantFrom("ai-toolkit", "tiny"),
    trainerVersion: maybe(text),
    agentName: maybe(text),
    attempts: fc.nat(5),
    currentStep: maybe(count),
    totalSteps: maybe(count),
    remainingSeconds: maybe(count),
    createdAtMs: count,
    startedAtMs: maybe(count),
    endedAtMs: maybe(count),
    observedAtMs: maybe(count),
  }),
  config: fc.record({
    family: maybe(fc.constantFrom(...familyNames)),
    arch: maybe(fc.constantFrom("flux2", "wan21", "qwen_image:x", "nonsense", "")),
    modelName: maybe(text),
    steps: maybe(count),
    learningRate: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
    rank: maybe(fc.nat(300)),
    alpha: maybe(fc.nat(300)),
    batchSize: maybe(fc.nat(64)),
    resolution: maybe(fc.array(fc.nat(4_096), { minLength: 1, maxLength: 4 })),
    optimizer: maybe(text),
    datasetPath: maybe(text),
  }),
  loss: anyLoss,
  validationLoss: maybe(anyLoss),
  speed: anySpeed,
  faults: fc.record({
    nanSteps: fc.nat(50),
    infSteps: fc.nat(50),
    oomSkipped: fc.nat(50),
    tracebacks: fc.nat(50),
    errorLines: fc.nat(50),
  }),
  failure: maybe(
    fc.record({
      code: fc.constantFrom("TRAINER_ERROR", "KILLED", "CUDA_OUT_OF_MEMORY"),
      category: maybe(fc.constantFrom("memory", "numerical", "io", "network", "config")),
      message: text,
      fix: text,
    }),
  ),
  dataset: maybe(anyDataset),
  checkpoints: fc.record({
    count: fc.nat(50),
    last: maybe(fc.record({ step: maybe(count), path: text })),
    finalModel: fc.boolean(),
    samples: fc.nat(50),
  }),
  alerts: fc.array(
    fc.record({
      code: fc.constantFrom("TRAINING_NAN_LOSS", "JOB_FAILED", "DISK_LOW"),
      severity: fc.constantFrom("info" as const, "warning" as const, "critical" as const),
      category: text,
      message: text,
      step: maybe(count),
      atMs: count,
      guardrail: fc.boolean(),
    }),
    { maxLength: 5 },
  ),
  hardware: fc.constant(null),
});
