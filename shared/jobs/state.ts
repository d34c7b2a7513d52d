import { z } from "zod";

/** Where a job or an attempt stands. `phase` says what a running one does; connectivity is never part of it. */
export const jobStates = [
  "queued",
  "starting",
  "running",
  "stopping",
  "completed",
  "stopped",
  "failed",
  "interrupted",
] as const;
export const jobStateSchema = z.enum(jobStates);
export type JobState = z.infer<typeof jobStateSchema>;

const phases = ["loading", "caching", "training", "sampling", "saving"] as const;
export const phaseSchema = z.enum(phases);
export type Phase = z.infer<typeof phaseSchema>;

const terminal: ReadonlySet<JobState> = new Set(["completed", "stopped", "failed", "interrupted"]);

export function isTerminal(state: JobState): boolean {
  return terminal.has(state);
}

/**
 * What may follow what. Equal states are no transition. A terminal state has no successor: an attempt's end
 * never changes, a resume is a new attempt.
 */
const successors: Readonly<Record<JobState, readonly JobState[]>> = {
  queued: ["starting", "running", "stopping", "stopped", "failed", "interrupted", "completed"],
  // Handed on to a queue that is not ours: the trainer's own.
  starting: ["queued", "running", "stopping", "completed", "stopped", "failed", "interrupted"],
  running: ["stopping", "completed", "stopped", "failed", "interrupted"],
  stopping: ["completed", "stopped", "failed", "interrupted"],
  completed: [],
  stopped: [],
  failed: [],
  interrupted: [],
};

export function mayFollow(from: JobState, to: JobState): boolean {
  return successors[from].includes(to);
}

/** Public `status`: a starting job is shown as running with its phase. */
export type PublicStatus = Exclude<JobState, "starting">;

export function publicStatus(state: JobState): PublicStatus {
  return state === "starting" ? "running" : state;
}

/** Filter words of the earlier systems mean a set of states here. */
export function statesForWord(word: string): readonly JobState[] | null {
  switch (word) {
    case "pending":
      return ["queued"];
    case "error":
      return ["failed"];
    case "running":
      return ["starting", "running"];
    default:
      return (jobStates as readonly string[]).includes(word) ? [word as JobState] : null;
  }
}
