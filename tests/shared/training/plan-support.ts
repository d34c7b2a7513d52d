import type { BoxExperience } from "../../../shared/training/box-experience.ts";
import type { TrainingLoad } from "../../../shared/training/plan-load.ts";
import type { PlanRequest } from "../../../shared/training/plan-request.ts";

export const card = { name: "NVIDIA GeForce RTX 4090", memoryMib: 24_564 };

export const load = (more: Partial<TrainingLoad> = {}): TrainingLoad => ({
  family: "sdxl",
  resolution: 768,
  batchSize: 1,
  rank: 16,
  quantize: false,
  lowVram: false,
  frames: 1,
  ...more,
});

export const run = (more: Partial<BoxExperience> = {}): BoxExperience => ({
  jobId: "job_1",
  load: load(),
  gpuName: card.name,
  gpuMemoryMib: card.memoryMib,
  peakVramMib: 9_000,
  peakVramOf: "process",
  stepsPerSecond: 2,
  steps: 1_000,
  completed: true,
  outOfMemory: false,
  wallSeconds: 600,
  ...more,
});

export const request = (more: Partial<PlanRequest> = {}): PlanRequest => ({
  goal: "",
  modelName: "stabilityai/stable-diffusion-xl-base-1.0",
  arch: null,
  images: 60,
  captionCoveragePct: 100,
  duplicates: 0,
  timeBudgetMinutes: null,
  targetVramGb: null,
  gpu: card,
  experience: [],
  current: null,
  ...more,
});
