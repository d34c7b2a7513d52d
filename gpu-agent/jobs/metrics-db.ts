import { existsSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { limits } from "@trainyard/shared/limits.ts";

/** All values of one step; the public keys are `loss` and `lr`. */
export interface MetricRow {
  readonly step: number;
  readonly values: ReadonlyMap<string, number>;
  /** When the trainer logged it, by its clock; missing where nobody needs it. */
  readonly wallSeconds?: number;
}

/** Where a training's own metrics come from. */
export interface MetricsSource {
  /**
   * Rows of steps above `after`, oldest first. The newest step is held back for one look, because its keys may still be
   * on their way; `final` takes it too.
   */
  read(after: number, options: { readonly final: boolean }): readonly MetricRow[];
  close(): void;
}

const publicKeys: Readonly<Record<string, string>> = { "loss/loss": "loss", learning_rate: "lr" };
const rowsAtOnce = 20_000;

/** The name under which a key of the trainer's goes by here. */
export function publicMetricKey(key: string): string {
  return publicKeys[key] ?? key;
}

/**
 * The trainer's own record of its metrics, read beside it and never locked for long. `sinceSeconds` leaves out rows of an
 * earlier attempt in the same folder, which the trainer deletes only at its first own commit.
 */
export function openMetricsDatabase(path: string, sinceSeconds: number): MetricsSource {
  let seenStamp = "";
  let heldStep: number | null = null;
  let database: DatabaseSync | null = null;
  const close = (): void => {
    database?.close();
    database = null;
  };

  return {
    read(after, { final }) {
      const stamp = stampOf(path);
      if (stamp === null || (stamp === seenStamp && heldStep === null && !final)) return [];
      let rows: MetricRow[];
      try {
        // Opened for each look: a connection that stays would keep the trainer from ending its write-ahead log.
        database = new DatabaseSync(path, { readOnly: true, timeout: 50 });
        rows = readRows(database, after, sinceSeconds);
      } catch (error) {
        if (isNotReady(error)) return [];
        throw error;
      } finally {
        close();
      }
      seenStamp = stamp;
      const newest = rows.at(-1)?.step ?? null;
      const settled = newest === null || final || newest === heldStep;
      heldStep = settled ? null : newest;
      return settled ? rows : rows.slice(0, -1);
    },
    close,
  };
}

function readRows(database: DatabaseSync, after: number, sinceSeconds: number): MetricRow[] {
  const query = database.prepare(
    `SELECT m.step AS step, m.key AS key, m.value_real AS number, m.value_text AS text
       FROM metrics m JOIN steps s ON s.step = m.step
      WHERE m.step > ? AND s.wall_time >= ? ORDER BY m.step LIMIT ${rowsAtOnce}`,
  );
  const rows: { step: number; values: Map<string, number> }[] = [];
  let count = 0;
  for (const row of query.iterate(after, sinceSeconds)) {
    count += 1;
    const { step, key } = row;
    const value = valueOf(row);
    if (typeof step !== "number" || typeof key !== "string" || value === null) continue;
    const name = publicMetricKey(key);
    if (name.length > limits.metricKeyCharacters) continue;
    let last = rows.at(-1);
    if (last?.step !== step) {
      last = { step, values: new Map() };
      rows.push(last);
    }
    if (last.values.size < limits.metricKeys) last.values.set(name, value);
  }
  // Cut inside a step by the bound: the step comes whole next time.
  if (count === rowsAtOnce && rows.length > 1) rows.pop();
  return rows;
}

function valueOf(row: Record<string, unknown>): number | null {
  if (typeof row["number"] === "number") return row["number"];
  // SQLite stores NaN as NULL, and what is no number goes into the text column.
  const stored = row["text"];
  if (stored === null || stored === undefined) return row["number"] === null ? Number.NaN : null;
  const text = typeof stored === "string" ? stored.toLowerCase() : "";
  if (text === "nan") return Number.NaN;
  if (text === "inf" || text === "infinity") return Number.POSITIVE_INFINITY;
  if (text === "-inf" || text === "-infinity") return Number.NEGATIVE_INFINITY;
  return null;
}

function stampOf(path: string): string | null {
  if (!existsSync(path)) return null;
  const parts: number[] = [];
  for (const suffix of ["", "-wal"]) {
    try {
      const { ino, size, mtimeMs } = statSync(path + suffix);
      parts.push(ino, size, mtimeMs);
    } catch {
      parts.push(0);
    }
  }
  return parts.join(":");
}

/** Busy (5), locked (6), cannot open (14), not a database yet (26), and tables that are not there yet (1). */
function isNotReady(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === "number" && [1, 5, 6, 8, 10, 14, 26].includes(code & 0xff);
}
