import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { TrainerControl, TrainerRequest } from "./trainer.ts";

/**
 * The one table through which AI Toolkit's `DiffusionTrainer` is driven (extensions_built_in/sd_trainer/DiffusionTrainer.py at
 * 27a03a91): it looks up its row after every step and does what its flags say. A file with this table alone is enough, its Web UI
 * is not needed. The tiny trainer looks at the same table.
 */
const flags: Readonly<Record<TrainerRequest, string>> = {
  save: "save_now",
  sample: "sample_now",
  stop: "stop",
};

/** A trainer that loads or trains has this status; before it, nobody looks, and after it, nobody looks any more. */
const listening = "running";

/** The trainer holds the table for microseconds at a time, but for one hundred times a second. */
const busyMs = 2_000;

/** A fresh table with one row. An earlier one's requests were another process's. */
export function createJobTable(path: string, id: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  const database = new DatabaseSync(path);
  try {
    database.exec(`
      PRAGMA journal_mode = WAL;
      CREATE TABLE Job (
        id TEXT PRIMARY KEY, status TEXT NOT NULL DEFAULT 'queued', info TEXT NOT NULL DEFAULT '',
        step INTEGER NOT NULL DEFAULT 0, total_steps INTEGER, speed_string TEXT NOT NULL DEFAULT '',
        stop INTEGER NOT NULL DEFAULT 0, return_to_queue INTEGER NOT NULL DEFAULT 0,
        save_now INTEGER NOT NULL DEFAULT 0, sample_now INTEGER NOT NULL DEFAULT 0
      );
    `);
    database.prepare("INSERT INTO Job (id) VALUES (?)").run(id);
  } finally {
    database.close();
  }
}

/** Milliseconds that one connection and one read cost in this folder; the middle of several. */
export function connectionMs(folder: string): number {
  const scratch = mkdtempSync(join(folder, ".table-"));
  const path = join(scratch, "job.db");
  try {
    createJobTable(path, "none");
    const times = Array.from({ length: 7 }, () => {
      const startedAt = performance.now();
      setFlag(path, "save");
      return performance.now() - startedAt;
    });
    return times.sort((a, b) => a - b)[3] ?? 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Sets the flag of the table's only row, and tells whether somebody looks at it. */
function setFlag(path: string, what: TrainerRequest): boolean {
  if (!existsSync(path)) return false;
  const database = new DatabaseSync(path, { timeout: busyMs });
  try {
    const { changes } = database
      .prepare(`UPDATE Job SET ${flags[what]} = 1 WHERE status = ?`)
      .run(listening);
    return Number(changes) === 1;
  } finally {
    database.close();
  }
}

export const jobTableControl: TrainerControl = {
  understands: (what, { jobTable }) => jobTable?.requests.includes(what) ?? false,
  ask: (what, { training: { jobTable } }) => jobTable !== undefined && setFlag(jobTable.path, what),
};
