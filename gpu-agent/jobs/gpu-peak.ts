import type { Evidence } from "@trainyard/shared/jobs/failure.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { errorFields } from "../log.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import type { LiveAttempt } from "./live-attempt.ts";

/** Keeps the highest GPU memory that a training was seen with; the next plan for this box is made with it. */
export interface GpuPeak {
  /** Called at every turn; asks the driver only when a look is due, and never waits for it. */
  look(): void;
}

const firstPauseMs = 1_000;

export function createGpuPeak({ key, spec, memory, environment }: LiveAttempt): GpuPeak {
  const { gpu, processes, time, log } = environment;
  const index = /^gpu:(\d+)$/.exec(spec.args.slot)?.[1];
  if (gpu === undefined || index === undefined) return { look: () => undefined };
  let dueAtMs = Number.NEGATIVE_INFINITY;
  let asking = false;
  // Closer together at first: a short run would else be over before it was seen with its memory taken.
  let pauseMs = firstPauseMs;

  const sample = async (): Promise<void> => {
    const [cards, computing] = await Promise.all([gpu.gpus(), gpu.gpuProcesses()]);
    const card = cards.find((one) => one.index === Number(index))?.memoryUsedMib ?? null;
    // The trainer's workers are its children and carry the same entry.
    const own = new Set(
      computing === null || computing.length === 0
        ? []
        : processes.withEnvironment(`TRAINYARD_ATTEMPT=${key.jobId}/${key.attempt}`),
    );
    const held = (computing ?? [])
      .filter(({ pid }) => own.has(pid))
      .reduce((sum, { usedMib }) => sum + usedMib, 0);
    memory.gpuPeak = {
      // Nothing found is not nothing used: in a container the driver's pids may be other ones.
      processMib: highest(memory.gpuPeak?.processMib ?? null, held > 0 ? held : null),
      gpuMib: highest(memory.gpuPeak?.gpuMib ?? null, card),
    };
  };

  return {
    look() {
      if (asking || time.monotonic() < dueAtMs) return;
      asking = true;
      dueAtMs = time.monotonic() + pauseMs;
      pauseMs = Math.min(limits.gpuSampleMs, pauseMs * 2);
      sample()
        .catch((error: unknown) =>
          log("warn", "the GPU's memory could not be looked at", { ...key, ...errorFields(error) }),
        )
        .finally(() => {
          asking = false;
        });
    },
  };
}

/** For the end's evidence: `process` is the training alone, `gpu` the whole card, other programs included. Empty: not measured. */
export function peakEvidence({ gpuPeak }: Pick<AttemptMemory, "gpuPeak">): Evidence {
  const mib = gpuPeak?.processMib ?? gpuPeak?.gpuMib ?? null;
  if (gpuPeak === null || mib === null) return {};
  return {
    peak_vram_mib: Math.round(mib),
    peak_vram_of: gpuPeak.processMib === null ? "gpu" : "process",
  };
}

function highest(before: number | null, now: number | null): number | null {
  return now === null ? before : Math.max(before ?? 0, now);
}
