import type { JudgedFamily, RunClass } from "./run-class.ts";
import { clamp } from "./score.ts";

/** Scores from which a gate opens or a bottleneck is named. */
export interface AdaptiveLimits {
  readonly readyOverallMin: number;
  readonly safeExportOverallMin: number;
  readonly speedBottleneckScore: number;
  readonly datasetRepairScore: number;
  readonly captionRepairScore: number;
}

type Delta = Partial<Record<"ready" | "export" | "speed" | "dataset" | "caption", number>>;

/** `adaptive_limits_v1`: the seeds' table (peers 2.7), start plus what family and class add, then clamped. */
export const adaptiveLimitsId = "adaptive_limits_v1";
const start = { ready: 75, export: 75, speed: 50, dataset: 70, caption: 65 };
const byFamily: Readonly<Partial<Record<JudgedFamily, Delta>>> = {
  flux_flex: { speed: -12, ready: -1 },
  sdxl: { speed: -8 },
  sd3: { speed: -8 },
};
const byClass: Readonly<Partial<Record<RunClass, Delta>>> = {
  smoke: { ready: -8, export: -8 },
  highres: { speed: -8, ready: -2, export: -2 },
  long: { ready: 3, export: 5, dataset: 3, caption: 3 },
};

export function adaptiveLimits(family: JudgedFamily, runClass: RunClass): AdaptiveLimits {
  const at = (name: keyof Delta): number =>
    start[name] + (byFamily[family]?.[name] ?? 0) + (byClass[runClass]?.[name] ?? 0);
  const ready = clamp(at("ready"), 60, 90);
  return {
    readyOverallMin: ready,
    safeExportOverallMin: clamp(Math.max(at("export"), ready), 60, 95),
    speedBottleneckScore: clamp(at("speed"), 20, 70),
    datasetRepairScore: clamp(at("dataset"), 55, 85),
    captionRepairScore: clamp(at("caption"), 50, 85),
  };
}
