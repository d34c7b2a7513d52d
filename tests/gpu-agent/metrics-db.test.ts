import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openMetricsDatabase } from "../../gpu-agent/jobs/metrics-db.ts";
import type { MetricRow } from "../../gpu-agent/jobs/metrics-db.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

function trainerDatabase(path: string) {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE steps (step INTEGER PRIMARY KEY, wall_time REAL NOT NULL);
    CREATE TABLE metrics (step INTEGER, key TEXT, value_real REAL, value_text TEXT, PRIMARY KEY (step, key));`);
  return {
    database,
    put: (step: number, values: Record<string, number | string | null>, wallTime = 100) => {
      database.prepare("INSERT OR REPLACE INTO steps VALUES (?, ?)").run(step, wallTime);
      for (const [key, value] of Object.entries(values)) {
        const text = typeof value === "string";
        database
          .prepare("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?)")
          .run(step, key, text ? null : value, text ? value : null);
      }
    },
  };
}

const plain = (rows: readonly MetricRow[]) =>
  rows.map((row) => [row.step, Object.fromEntries(row.values)]);

test("keys get their public names; the newest step waits for one look, because its keys may be on their way", () => {
  const path = join(temporaryFolder(), "loss_log.db");
  const trainer = trainerDatabase(path);
  const metrics = openMetricsDatabase(path, 0);
  trainer.put(1, { "loss/loss": 0.5, learning_rate: 1e-4, "val/loss": 2 });
  trainer.put(2, { "loss/loss": 0.4 });
  expect(plain(metrics.read(-1, { final: false }))).toEqual([
    [1, { loss: 0.5, lr: 1e-4, "val/loss": 2 }],
  ]);
  trainer.put(2, { learning_rate: 1e-4 });
  expect(plain(metrics.read(1, { final: false }))).toEqual([[2, { loss: 0.4, lr: 1e-4 }]]);
  expect(metrics.read(2, { final: false })).toEqual([]);
  trainer.put(3, { "loss/loss": 0.3 });
  expect(plain(metrics.read(2, { final: true }))).toEqual([[3, { loss: 0.3 }]]);
  trainer.database.close();
});

test("what is no finite number keeps its name", () => {
  const path = join(temporaryFolder(), "loss_log.db");
  const trainer = trainerDatabase(path);
  trainer.put(1, { "loss/loss": "nan", a: "inf", b: "-Infinity", c: "words", d: null });
  const [row] = openMetricsDatabase(path, 0).read(-1, { final: true });
  expect(Object.fromEntries(row?.values ?? [])).toEqual({
    loss: NaN,
    a: Infinity,
    b: -Infinity,
    d: NaN,
  });
  trainer.database.close();
});

test("rows of an earlier attempt in the same folder are left alone", () => {
  const path = join(temporaryFolder(), "loss_log.db");
  const trainer = trainerDatabase(path);
  trainer.put(10, { "loss/loss": 1 }, 100);
  trainer.put(11, { "loss/loss": 2 }, 200);
  expect(plain(openMetricsDatabase(path, 150).read(-1, { final: true }))).toEqual([
    [11, { loss: 2 }],
  ]);
  trainer.database.close();
});

test("no file, no tables, a locked database: nothing yet, and no failure", () => {
  const folder = temporaryFolder();
  const path = join(folder, "loss_log.db");
  const metrics = openMetricsDatabase(path, 0);
  expect(metrics.read(-1, { final: true })).toEqual([]);
  const empty = new DatabaseSync(path);
  empty.exec("PRAGMA user_version = 1");
  expect(metrics.read(-1, { final: true })).toEqual([]);
  empty.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  expect(metrics.read(-1, { final: true })).toEqual([]);
  empty.close();
});
