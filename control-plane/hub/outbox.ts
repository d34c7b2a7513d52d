import { mayRequestAtMs } from "@trainyard/shared/alerts/pacing.ts";
import type { EndpointState } from "@trainyard/shared/alerts/pacing.ts";
import type { FailureReason, RetryPolicy } from "@trainyard/shared/alerts/schedule.ts";
import { isAddress } from "@trainyard/shared/alerts/sinks.ts";
import { newDeliveryId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";
import { fold } from "./alert-routes.ts";
import { deliveryOf, progressOf, unknownDelivery } from "./delivery.ts";
import type {
  AttemptRecord,
  Delivery,
  DeliveryFilter,
  DeliveryPage,
  DeliveryStatus,
  NewDelivery,
} from "./delivery.ts";

/** Everything that is to be sent, until it was: written before the first attempt, with one id for all of them. */
export function createOutbox(store: Store) {
  let newest = Number(store.first("SELECT max(place) AS n FROM deliveries")?.["n"] ?? 0);

  const read = (deliveryId: string): Delivery | null => {
    const row = store.first("SELECT * FROM deliveries WHERE delivery_id = ?", deliveryId);
    return row === null ? null : deliveryOf(row);
  };
  const count = (where: string, ...bindings: string[]): number =>
    Number(store.first(`SELECT count(*) AS n FROM deliveries WHERE ${where}`, ...bindings)?.["n"]);

  const end = (
    delivery: Delivery,
    status: "delivered" | "dead",
    change: { readonly reason: FailureReason | null; readonly record: AttemptRecord | null },
    nowMs: number,
  ): void =>
    store.run(
      "UPDATE deliveries SET status = ?, next_at_ms = NULL, ended_at_ms = ?, progress = ? WHERE delivery_id = ?",
      status,
      nowMs,
      progressOf(delivery, change.reason, change.record),
      delivery.deliveryId,
    );

  return {
    read,
    end,
    add(delivery: NewDelivery, nowMs: number): string {
      const deliveryId = newDeliveryId();
      // Time as a floor: the number rises although old rows are swept away.
      newest = Math.max(newest + 1, nowMs);
      const full = count("status = 'pending'") >= limits.outboxPending;
      const { route, target, agentId, policy, alerts, context } = delivery;
      const reason: FailureReason | null = full ? "OUTBOX_FULL" : null;
      store.run(
        `INSERT INTO deliveries (delivery_id, place, endpoint, paced, route, agent_id, status, next_at_ms, attempts, ended_at_ms, progress, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)`,
        deliveryId,
        newest,
        target.endpoint,
        isAddress(target.sink) && policy.kind === "schedule" ? 1 : 0,
        route === null ? null : fold(route),
        agentId,
        full ? "dead" : "pending",
        full ? null : nowMs,
        full ? nowMs : null,
        JSON.stringify({ reason, history: [] }),
        JSON.stringify({ target, agentId, policy, alerts, context, createdAtMs: nowMs }),
      );
      return deliveryId;
    },

    /**
     * The oldest delivery that is due and whose endpoint is neither busy nor being paced. It is taken for longer than its
     * attempt may last: after a crash in the middle it comes again, with the same id.
     */
    claim(busy: Iterable<string>, nowMs: number): Delivery | null {
      const row = store.first(
        `SELECT d.* FROM deliveries d LEFT JOIN endpoints e ON e.endpoint = d.endpoint
         WHERE d.status = 'pending' AND d.next_at_ms <= ?1
           AND d.endpoint NOT IN (SELECT value FROM json_each(?2))
           AND (d.paced = 0 OR e.endpoint IS NULL OR e.last_request_at_ms + ?3 <= ?1)
         ORDER BY d.place LIMIT 1`,
        nowMs,
        JSON.stringify([...busy]),
        limits.pacedRequestMs,
      );
      if (row === null) return null;
      const delivery = deliveryOf(row);
      store.run(
        "UPDATE deliveries SET attempts = attempts + 1, next_at_ms = ? WHERE delivery_id = ?",
        nowMs + leaseMs(delivery.policy),
        delivery.deliveryId,
      );
      return { ...delivery, attempts: delivery.attempts + 1 };
    },

    retry(
      delivery: Delivery,
      nextAtMs: number,
      reason: FailureReason | null,
      record: AttemptRecord,
    ): void {
      store.run(
        "UPDATE deliveries SET next_at_ms = ?, progress = ? WHERE delivery_id = ?",
        Math.ceil(nextAtMs),
        progressOf(delivery, reason, record),
        delivery.deliveryId,
      );
    },

    /** A box that is off costs no attempt: it waits for the next hello. */
    park(delivery: Delivery): void {
      store.run(
        "UPDATE deliveries SET next_at_ms = NULL, attempts = attempts - 1, progress = ? WHERE delivery_id = ?",
        progressOf(delivery, "AGENT_OFFLINE", null),
        delivery.deliveryId,
      );
    },
    /** Returns whether anything had waited. */
    wake(agentId: string, nowMs: number): boolean {
      const waiting = count("status = 'pending' AND next_at_ms IS NULL AND agent_id = ?", agentId);
      if (waiting === 0) return false;
      store.run(
        "UPDATE deliveries SET next_at_ms = ? WHERE status = 'pending' AND next_at_ms IS NULL AND agent_id = ?",
        nowMs,
        agentId,
      );
      return true;
    },

    endpoint(endpoint: string): EndpointState | null {
      const row = store.first("SELECT * FROM endpoints WHERE endpoint = ?", endpoint);
      if (row === null) return null;
      const since = row["failing_since_ms"];
      return {
        failingSinceMs: typeof since === "number" ? since : null,
        lastRequestAtMs: Number(row["last_request_at_ms"]),
      };
    },
    setEndpoint(endpoint: string, before: EndpointState | null, state: EndpointState | null): void {
      if (state === null) {
        if (before !== null) store.run("DELETE FROM endpoints WHERE endpoint = ?", endpoint);
        return;
      }
      store.run(
        `INSERT INTO endpoints (endpoint, failing_since_ms, last_request_at_ms) VALUES (?, ?, ?)
         ON CONFLICT (endpoint) DO UPDATE SET failing_since_ms = excluded.failing_since_ms,
           last_request_at_ms = excluded.last_request_at_ms`,
        endpoint,
        state.failingSinceMs,
        state.lastRequestAtMs,
      );
    },
    hasBacklog: (endpoint: string): boolean =>
      count("status = 'pending' AND paced = 1 AND endpoint = ?", endpoint) > 0,
    /** The receiver is back: what its schedule would hold for hours comes now, paced. */
    bringForward: (endpoint: string, nowMs: number): void =>
      store.run(
        "UPDATE deliveries SET next_at_ms = ? WHERE status = 'pending' AND paced = 1 AND endpoint = ? AND next_at_ms > ?",
        nowMs,
        endpoint,
        nowMs,
      ),

    /** When the next attempt is due; null when nothing is, but for boxes that are off. */
    nextAtMs(endpointOf: (endpoint: string) => EndpointState | null): number | null {
      const due = store
        .rows(
          `SELECT endpoint, paced, min(next_at_ms) AS at FROM deliveries
           WHERE status = 'pending' AND next_at_ms IS NOT NULL GROUP BY endpoint, paced`,
        )
        .map((row) =>
          row["paced"] === 1
            ? Math.max(Number(row["at"]), mayRequestAtMs(endpointOf(text(row, "endpoint"))))
            : Number(row["at"]),
        );
      return due.length === 0 ? null : Math.min(...due);
    },

    pendingOf: (route: string): Delivery[] =>
      store
        .rows("SELECT * FROM deliveries WHERE status = 'pending' AND route = ?", fold(route))
        .map(deliveryOf),
    countOf: (route: string, status: DeliveryStatus): number =>
      count("route = ? AND status = ?", fold(route), status),
    /** The route has another address now: what waits for it goes there. */
    retarget: (route: string, endpoint: string, nowMs: number): void =>
      store.run(
        "UPDATE deliveries SET endpoint = ?, next_at_ms = ? WHERE status = 'pending' AND route = ? AND endpoint <> ?",
        endpoint,
        nowMs,
        fold(route),
        endpoint,
      ),

    list(filter: DeliveryFilter): DeliveryPage {
      const where =
        "(?1 IS NULL OR status = ?1) AND (?2 IS NULL OR route = ?2) AND (?3 IS NULL OR place < ?3)";
      const route = filter.route === null ? null : fold(filter.route);
      const rows = store.rows(
        `SELECT * FROM deliveries WHERE ${where} ORDER BY place DESC LIMIT ?4`,
        filter.status,
        route,
        filter.before,
        filter.limit + 1,
      );
      const page = rows.slice(0, filter.limit).map(deliveryOf);
      const total = store.first(
        "SELECT count(*) AS n FROM deliveries WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR route = ?2)",
        filter.status,
        route,
      );
      return {
        deliveries: page,
        total: Number(total?.["n"] ?? 0),
        next: rows.length > page.length ? (page.at(-1)?.sequence ?? null) : null,
      };
    },

    /** The same delivery from the start, under its own id. Throws DELIVERY_NOT_FOUND. */
    replay(deliveryId: string, endpoint: (delivery: Delivery) => string, nowMs: number): Delivery {
      const delivery = read(deliveryId);
      if (delivery === null) throw unknownDelivery();
      if (delivery.status === "pending") return delivery;
      store.run(
        "UPDATE deliveries SET status = 'pending', attempts = 0, next_at_ms = ?, ended_at_ms = NULL, endpoint = ?, progress = ? WHERE delivery_id = ?",
        nowMs,
        endpoint(delivery),
        progressOf(delivery, null, null),
        deliveryId,
      );
      return { ...delivery, status: "pending", attempts: 0, nextAtMs: nowMs, endedAtMs: null };
    },

    sweep: (nowMs: number): void =>
      store.run(
        `DELETE FROM deliveries WHERE status <> 'pending' AND (ended_at_ms < ? OR delivery_id NOT IN
           (SELECT delivery_id FROM deliveries WHERE status <> 'pending' ORDER BY place DESC LIMIT ?))`,
        nowMs - limits.outboxKeepMs,
        limits.outboxKept,
      ),
  };
}

export type Outbox = ReturnType<typeof createOutbox>;

const leaseMarginMs = 15_000;

function leaseMs(policy: RetryPolicy): number {
  const attemptMs = policy.kind === "explicit" ? policy.timeoutMs : limits.callTimeoutMs;
  return attemptMs + leaseMarginMs;
}
