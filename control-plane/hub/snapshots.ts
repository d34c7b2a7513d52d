import { limits } from "@trainyard/shared/limits.ts";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";

/** The last answer of a box's read tool, so that a sleeping box is not an error for a read. */
export interface Snapshot {
  readonly body: string;
  readonly atMs: number;
}

export function createSnapshots(store: Store) {
  return {
    read(key: string): Snapshot | null {
      const row = store.first("SELECT body, at_ms FROM snapshots WHERE key = ?", key);
      return row === null ? null : { body: text(row, "body"), atMs: Number(row["at_ms"]) };
    },
    /** An answer that says the same is not written again within a minute: reads must stay cheap. */
    keep(key: string, body: string, nowMs: number): void {
      if (body.length > limits.snapshotBytes) return;
      const before = store.first("SELECT body, at_ms FROM snapshots WHERE key = ?", key);
      if (before !== null && nowMs - Number(before["at_ms"]) < limits.indexProgressMs) return;
      store.run(
        `INSERT INTO snapshots (key, body, at_ms) VALUES (?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms`,
        key,
        body,
        nowMs,
      );
      if (before === null) {
        store.run(
          "DELETE FROM snapshots WHERE key NOT IN (SELECT key FROM snapshots ORDER BY at_ms DESC LIMIT ?)",
          limits.snapshots,
        );
      }
    },
  };
}

export type Snapshots = ReturnType<typeof createSnapshots>;
