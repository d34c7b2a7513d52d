import type { StartResult } from "../hub/hub.ts";
import { jobNow } from "./job-now.ts";
import { sentence } from "./job-sentence.ts";

/** In the queue of the edge; a job that was handed to its box is started, even if its first sign of life is not here. */
export function isQueued(result: StartResult): boolean {
  return jobNow(result).state === "queued" && result.queuePosition !== null;
}

export function startedMessage(result: StartResult, checked: boolean): string {
  const again = result.duplicate ? "The same start was made before; this is its job. " : "";
  const unchecked =
    checked || result.duplicate ? "" : " Its trainer and dataset are checked when the box is back.";
  return `${again}${sentence(result)}${unchecked}`;
}
