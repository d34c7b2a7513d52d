/**
 * What the ended trainings of one box taught, for the plan. Everything is taken from the Jobs' own records, so it costs the
 * box nothing and works while it is off.
 */
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { weightedMedian } from "@trainyard/shared/analysis/loss/weighted-median.ts";
import { limits } from "@trainyard/shared/limits.ts";
import {
  datasetsOf,
  objectAt,
  processesOf,
  readAiToolkitDocument,
} from "@trainyard/shared/training/ai-toolkit-document.ts";
import type { BoxExperience } from "@trainyard/shared/training/box-experience.ts";
import { bounds } from "@trainyard/shared/training/finding.ts";
import { planFamilyOf } from "@trainyard/shared/training/plan-families.ts";
import type { TrainingLoad } from "@trainyard/shared/training/plan-load.ts";
import type { AgentView } from "../hub/hub.ts";
import type { JobDescription } from "../job/job.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext } from "./context.ts";

/** Newest first; at most `limits.planJobs` jobs are looked at. */
export async function boxExperience(
  agent: AgentView | null,
  context: EdgeContext,
): Promise<BoxExperience[]> {
  if (agent === null) return [];
  const { jobs } = unwrap(
    await context.hub.listJobs({
      states: ["completed", "stopped", "failed", "interrupted"],
      agentId: agent.agentId,
      limit: limits.planJobs,
      before: null,
    }),
  );
  const started = jobs.filter(({ summary }) => summary.attempt > 0);
  const read = await Promise.all(
    started.map(async ({ summary }) => {
      const job = context.job(summary.jobId);
      return Promise.all([job.describe(), job.facts()]);
    }),
  );
  return read.flatMap(([described, facts]) => {
    // A job that cannot be read teaches nothing; the plan is still worth having.
    if (!described.ok || !facts.ok) return [];
    const learned = experienceOf(described.value, facts.value, agent);
    return learned === null ? [] : [learned];
  });
}

/** Null: its config names no family the plan knows. */
function experienceOf(
  job: JobDescription,
  { speed, faults }: RunFacts,
  agent: AgentView,
): BoxExperience | null {
  const { snapshot, summary } = job;
  const load = loadOfDocument(snapshot.document);
  if (load === null) return null;
  const evidence = summary.evidence ?? {};
  const peak = evidence["peak_vram_mib"];
  const of = evidence["peak_vram_of"];
  const gpu = agent.capabilities.gpus.find(({ index }) => `gpu:${index}` === snapshot.slot);
  const { startedAtMs, endedAtMs } = summary;
  return {
    jobId: summary.jobId,
    load,
    gpuName: gpu?.name ?? null,
    gpuMemoryMib: gpu === undefined || gpu.memoryMib === 0 ? null : gpu.memoryMib,
    peakVramMib: typeof peak === "number" && peak > 0 ? peak : null,
    peakVramOf: of === "process" || of === "gpu" ? of : null,
    // The bar closes with an average and may end on a slow save; half of the steps were faster, half slower than this.
    stepsPerSecond:
      weightedMedian(speed.blocks.mean, speed.blocks.values) ?? summary.stepsPerSecond,
    steps: summary.currentStep ?? 0,
    // Batches that were skipped for lack of memory are no proof that there was enough.
    completed: summary.state === "completed" && faults.oomSkipped === 0,
    outOfMemory: ranOutOfMemory(job),
    // Both times are the box's; an attempt that resumed another did only its part of the steps.
    wallSeconds:
      startedAtMs === null || endedAtMs === null || summary.attempt !== 1
        ? null
        : Math.max(0, (endedAtMs - startedAtMs) / 1_000),
  };
}

/** PyTorch's own words, the cause that the log's reader names, or the guardrail for a card that stays full. */
function ranOutOfMemory({ summary }: JobDescription): boolean {
  if (summary.state === "completed") return false;
  const line = summary.evidence?.["error_line"];
  return (
    summary.failure?.code === "OOM_GPU" ||
    summary.stop?.by === "guardrail:TRAINING_REPEATED_OOM" ||
    (typeof line === "string" &&
      /CUDA out of memory|OutOfMemoryError|OOM during training step/.test(line))
  );
}

/** What a config asks of the card; null without a family that the plan knows. The toolkit's defaults stand for what is not said. */
export function loadOfDocument(document: Readonly<Record<string, unknown>>): TrainingLoad | null {
  const summary = readAiToolkitDocument(document);
  const family = planFamilyOf(summary.modelName, summary.arch);
  if (family === null) return null;
  const [process = {}] = processesOf(document);
  const frames = datasetsOf(process).map((dataset) => Number(dataset["num_frames"] ?? 1));
  return {
    family: family.name,
    resolution: inside(bounds.resolution, Math.max(...(summary.resolution ?? [512]))),
    batchSize: inside(bounds.batchSize, summary.batchSize ?? 1),
    rank: inside(bounds.rank, summary.rank ?? 4),
    quantize: family.name !== "tiny" && objectAt(process, "model")["quantize"] === true,
    lowVram: family.name !== "tiny" && (summary.lowVram ?? false),
    frames: inside({ min: 1, max: 10_000 }, Math.max(1, ...frames.filter(Number.isSafeInteger))),
  };
}

/** A config that somebody else wrote may hold any number. */
function inside(
  { min, max }: { readonly min: number; readonly max: number },
  value: number,
): number {
  return Math.min(max, Math.max(min, Math.round(value)));
}
