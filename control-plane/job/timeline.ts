import type { Alert } from "@trainyard/shared/alerts/alert.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Store } from "../storage.ts";
import { text } from "../storage.ts";
import type { JobEvent } from "./job.ts";

/**
 * Alerts that were not in the job's own stream: the edge noticed them or a caller handed them in. A delivery that comes
 * twice is there once.
 */
export function addToTimeline(store: Store, deliveryId: string, alerts: readonly Alert[]): void {
  store.transaction(() => {
    alerts.forEach((alert, n) => {
      store.run(
        "INSERT OR IGNORE INTO timeline (delivery_id, n, at_ms, body) VALUES (?, ?, ?, ?)",
        deliveryId,
        n,
        alert.atMs,
        JSON.stringify(alert),
      );
    });
    store.run(
      `DELETE FROM timeline WHERE (delivery_id, n) NOT IN
         (SELECT delivery_id, n FROM timeline ORDER BY at_ms DESC LIMIT ?)`,
      limits.timelineAlerts,
    );
  });
}

/** The newest of them as events, oldest first, without a place in the stream. */
export function timelineEvents(store: Store, attempt: number, limit: number): JobEvent[] {
  return store
    .rows("SELECT body FROM timeline ORDER BY at_ms DESC, delivery_id, n LIMIT ?", limit)
    .map((row): JobEvent => {
      const { jobId: _, agentId: __, ...alert } = JSON.parse(text(row, "body")) as Alert;
      const { guardrail = false } = alert;
      return { attempt, seq: 0, item: { kind: "alert", ...alert, guardrail } };
    })
    .reverse();
}

/**
 * Both in the order they have; by time against each other, at the same time the stream first: a job's end comes after its
 * findings. The stream's order is never changed by a clock that jumped.
 */
export function mergeByTime(stream: readonly JobEvent[], added: readonly JobEvent[]): JobEvent[] {
  const merged: JobEvent[] = [];
  let next = 0;
  for (const event of stream) {
    for (; next < added.length; next += 1) {
      const candidate = added[next] as JobEvent;
      if (candidate.item.atMs >= event.item.atMs) break;
      merged.push(candidate);
    }
    merged.push(event);
  }
  return [...merged, ...added.slice(next)];
}
