import type { Finding } from "./guard-finding.ts";

export interface DiskState {
  readonly low: number;
}

export const freshDisk: DiskState = { low: 0 };

export interface DiskFacts {
  /** Free to the agent's user on the disk of the output folder. */
  readonly freeBytes: number;
  /** Of the largest checkpoint that this attempt has written; null before the first. */
  readonly checkpointBytes: number | null;
}

const mib = 1024 * 1024;
/** Beside the weights go the optimizer's state, samples and the log. */
const checkpointMargin = 1.25;
const beside = 64 * mib;
/** Nobody knows yet how large this job's checkpoints are: a warning, and no stop. */
const unknownNeed = 512 * mib;
/** A download or another job's temporary file may fill the disk for a moment. */
const looks = 3;

/**
 * On by default. A trainer writes the new checkpoint before it removes an old one, so there must be room for one more;
 * AI Toolkit ends with a truncated file when there is none. Before that the stop still finds room for its own.
 */
export function judgeDisk(
  state: DiskState,
  { freeBytes, checkpointBytes }: DiskFacts,
  step: number | null,
): { readonly state: DiskState; readonly finding: Finding | null } {
  const needed =
    checkpointBytes === null ? unknownNeed : Math.ceil(checkpointBytes * checkpointMargin) + beside;
  if (freeBytes >= needed) return { state: freshDisk, finding: null };
  const low = state.low + 1;
  if (low < looks) return { state: { low }, finding: null };
  const known = checkpointBytes !== null;
  return {
    state: { low },
    finding: {
      code: "DISK_NEARLY_FULL",
      severity: known ? "critical" : "warning",
      category: "disk",
      message: `${Math.floor(freeBytes / mib)} MiB are free on the output folder's disk; ${known ? "the next checkpoint needs" : "a checkpoint may need"} ${Math.ceil(needed / mib)} MiB.`,
      step,
      evidence: {
        free_bytes: freeBytes,
        needed_bytes: needed,
        largest_checkpoint_bytes: checkpointBytes,
      },
      ...(known ? {} : { onlyWarns: true }),
      ...(known && freeBytes < checkpointBytes ? { noSave: true } : {}),
    },
  };
}
