import { parseNonFinite } from "@trainyard/shared/non-finite-json.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";
import type { AttemptState } from "./attempt-state.ts";

/** What the attempts before the newest one left; the job goes on from it, also where its newest attempt told nothing. */
export type EarlierAttempts = Pick<JobSummary, "currentStep" | "checkpoints" | "lastCheckpoint">;

const noneEarlier: EarlierAttempts = {
  currentStep: null,
  checkpoints: 0,
  lastCheckpoint: null,
};

/** Of the attempts below this number. Read again where one of them gets late items. */
export function earlierAttempts(store: Store, newest: number): EarlierAttempts {
  if (newest <= 1) return noneEarlier;
  return store
    .rows("SELECT state FROM head WHERE attempt < ? ORDER BY attempt", newest)
    .map((row) => parseNonFinite<AttemptState>(text(row, "state")))
    .reduce(wentOn, noneEarlier);
}

/** One attempt more: what it told of itself stands, what it never told stays as it was. Checkpoints are counted together. */
export function wentOn(
  earlier: EarlierAttempts,
  { head, checkpoints, lastCheckpoint }: AttemptState,
): EarlierAttempts {
  return {
    currentStep: head?.currentStep ?? earlier.currentStep,
    checkpoints: earlier.checkpoints + checkpoints,
    lastCheckpoint: lastCheckpoint ?? earlier.lastCheckpoint,
  };
}
