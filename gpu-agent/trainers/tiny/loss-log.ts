import { DatabaseSync } from "node:sqlite";

/**
 * loss_log.db as AI Toolkit's `UILogger` writes it (toolkit/logging_aitk.py), but for one thing: the first step of a run is
 * logged too. Up to 256 values or 0.25 s are in memory, and a kill loses them, as it does there; who ends it orderly closes it first.
 */
export interface LossLog {
  readonly record: (step: number, values: Readonly<Record<string, number>>) => void;
  readonly close: () => void;
}

const flushValues = 256;
const flushMs = 250;

/** Rows of an earlier attempt from `firstStep` on are deleted with the first commit, not before: a run that dies at once changes nothing. */
export function openLossLog(path: string, firstStep: number): LossLog {
  const database = new DatabaseSync(path);
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA busy_timeout = 30000;
    CREATE TABLE IF NOT EXISTS steps (step INTEGER PRIMARY KEY, wall_time REAL NOT NULL);
    CREATE TABLE IF NOT EXISTS metric_keys (key TEXT PRIMARY KEY, first_seen_step INTEGER, last_seen_step INTEGER);
    CREATE TABLE IF NOT EXISTS metrics (
      step INTEGER NOT NULL, key TEXT NOT NULL, value_real REAL, value_text TEXT,
      PRIMARY KEY (step, key), FOREIGN KEY (step) REFERENCES steps(step) ON DELETE CASCADE
    );
    CREATE INDEX IF NOT EXISTS idx_metrics_key_step ON metrics (key, step);
  `);
  const putStep = database.prepare("INSERT OR REPLACE INTO steps (step, wall_time) VALUES (?, ?)");
  const putKey = database.prepare(
    `INSERT INTO metric_keys (key, first_seen_step, last_seen_step) VALUES (?, ?, ?)
     ON CONFLICT(key) DO UPDATE SET last_seen_step = excluded.last_seen_step`,
  );
  const putValue = database.prepare(
    "INSERT OR REPLACE INTO metrics (step, key, value_real, value_text) VALUES (?, ?, ?, NULL)",
  );

  let waiting: { step: number; wallSeconds: number; values: Readonly<Record<string, number>> }[] =
    [];
  let waitingValues = 0;
  let lastFlushMs = performance.now();
  let cleared = false;

  const flush = (): void => {
    lastFlushMs = performance.now();
    if (waiting.length === 0) return;
    database.exec("BEGIN IMMEDIATE");
    try {
      if (!cleared) database.prepare("DELETE FROM steps WHERE step >= ?").run(firstStep);
      for (const { step, wallSeconds, values } of waiting) {
        putStep.run(step, wallSeconds);
        for (const [key, value] of Object.entries(values)) {
          putKey.run(key, step, step);
          putValue.run(step, key, value);
        }
      }
      database.exec("COMMIT");
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
    cleared = true;
    waiting = [];
    waitingValues = 0;
  };

  return {
    record(step, values) {
      waiting.push({ step, wallSeconds: Date.now() / 1000, values });
      waitingValues += Object.keys(values).length;
      if (waitingValues >= flushValues || performance.now() - lastFlushMs >= flushMs) flush();
    },
    close() {
      flush();
      database.close();
    },
  };
}
