import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Raised behind a step or a picture, where nothing is half done: AI Toolkit raises this very text. */
export class JobStopped extends Error {
  constructor() {
    super("Job stopped");
  }
}

/**
 * The row of the job in the table that AI Toolkit's `DiffusionTrainer` keeps (DiffusionTrainer.py at 27a03a91): what the job
 * does is written there, and what is wanted of it is read there after every step.
 */
export interface JobRow {
  status(status: "running" | "stopped" | "completed" | "error", info: string): void;
  step(step: number): void;
  /** Throws JobStopped when that is wanted. */
  stopIfAsked(): void;
  /** True once for each request: the flag is taken back before anything is done about it. */
  takeRequest(flag: "save_now" | "sample_now"): boolean;
  close(): void;
}

/** Nobody drives a job without a table or an id, as with AI Toolkit. */
export function openJobRow(path: string, id: string | undefined): JobRow {
  if (path === "" || id === undefined || id === "" || !existsSync(path)) return noRow;
  const database = new DatabaseSync(path, { timeout: 30_000 });
  const setStatus = database.prepare("UPDATE Job SET status = ?, info = ? WHERE id = ?");
  const setStep = database.prepare("UPDATE Job SET step = ? WHERE id = ?");
  const wanted = database.prepare("SELECT stop, save_now, sample_now FROM Job WHERE id = ?");
  const clear = {
    save_now: database.prepare("UPDATE Job SET save_now = 0 WHERE id = ?"),
    sample_now: database.prepare("UPDATE Job SET sample_now = 0 WHERE id = ?"),
  };
  const isSet = (flag: "stop" | "save_now" | "sample_now"): boolean => wanted.get(id)?.[flag] === 1;
  const row: JobRow = {
    status: (status, info) => void setStatus.run(status, info, id),
    step: (step) => void setStep.run(step, id),
    stopIfAsked() {
      if (!isSet("stop")) return;
      row.status("stopped", "Job stopped");
      throw new JobStopped();
    },
    takeRequest(flag) {
      if (!isSet(flag)) return false;
      clear[flag].run(id);
      return true;
    },
    close: () => database.close(),
  };
  return row;
}

const noRow: JobRow = {
  status: () => undefined,
  step: () => undefined,
  stopIfAsked: () => undefined,
  takeRequest: () => false,
  close: () => undefined,
};
