import type { FailureFacts } from "./run-facts.ts";

/** What judging tells apart: each has its own next step. */
export type FailureCause = "gpu_memory" | "numerical" | "io" | "network" | "other";

/** Words of the log's classification and of older rules, to the few causes that matter here. */
const causes: Readonly<Record<string, FailureCause>> = {
  memory: "gpu_memory",
  oom: "gpu_memory",
  oom_gpu: "gpu_memory",
  numerical: "numerical",
  nan_loss: "numerical",
  io: "io",
  io_error: "io",
  disk_full: "io",
  permission: "io",
  dataset_missing: "io",
  network: "network",
};

/** Null without a failure. */
export function failureCause(failure: FailureFacts | null): FailureCause | null {
  if (failure === null) return null;
  const word = failure.category?.toLowerCase() ?? "";
  return Object.hasOwn(causes, word) ? (causes[word] as FailureCause) : "other";
}
