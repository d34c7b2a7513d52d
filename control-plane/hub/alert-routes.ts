import { isAtLeast, severitySchema } from "@trainyard/shared/alerts/alert.ts";
import type { Alert } from "@trainyard/shared/alerts/alert.ts";
import { sinkSchema } from "@trainyard/shared/alerts/sinks.ts";
import { freshGate } from "@trainyard/shared/alerts/gate.ts";
import type { GateState } from "@trainyard/shared/alerts/gate.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { z } from "zod";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";

/** Where alerts go, without what must stay secret: that is in `sealed`. */
export const targetSchema = z.object({
  sink: sinkSchema,
  /** What may be shown: a host, a file name, a job id. */
  shown: z.string(),
  /** Sealed JSON `{url, secret}`; null for files and timelines. */
  sealed: z.string().nullable(),
  /** Same for the same address: what is paced together. */
  endpoint: z.string(),
  /** Box of a file; null: the alert's own, else the only one. */
  agentId: z.string().nullable(),
});
export type Target = z.infer<typeof targetSchema>;

const routeSchema = z.object({
  name: z.string(),
  target: targetSchema,
  minSeverity: severitySchema,
  /** Only alerts about this job; null: all. */
  jobId: z.string().nullable(),
  /** Only these codes; null: all. */
  codes: z.array(z.string()).nullable(),
  knobs: z.object({
    dedupeWindowMs: z.number(),
    rateWindowMs: z.number(),
    maxPerWindow: z.number(),
  }),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
  disabled: z.object({ reason: z.string(), atMs: z.number() }).nullable(),
});
export type AlertRoute = z.infer<typeof routeSchema>;

/** Findings about the delivery of alerts; they never go where delivery fails. */
export const deliveryCategory = "alerts";

/** Standing routes, in memory as well: whether an alert has anywhere to go is asked with every frame. */
export function createAlertRoutes(store: Store) {
  const routes = new Map<string, AlertRoute>();
  for (const row of store.rows("SELECT folded, body FROM alert_routes ORDER BY folded")) {
    routes.set(text(row, "folded"), routeSchema.parse(JSON.parse(text(row, "body"))));
  }

  const write = (route: AlertRoute): void => {
    store.run(
      `INSERT INTO alert_routes (folded, body) VALUES (?, ?)
       ON CONFLICT (folded) DO UPDATE SET body = excluded.body`,
      fold(route.name),
      JSON.stringify(route),
    );
    routes.set(fold(route.name), route);
  };

  const find = (name: string): AlertRoute | null => routes.get(fold(name)) ?? null;

  return {
    find,
    known(name: string): AlertRoute {
      const route = find(name);
      if (route !== null) return route;
      throw new AppError("ALERT_ROUTE_NOT_FOUND", "There is no alert route of that name.", {
        hint: "Call list-alert-routes for the routes there are.",
      });
    },
    all: (): AlertRoute[] => [...routes.values()],
    enabled: (): AlertRoute[] => [...routes.values()].filter(({ disabled }) => disabled === null),
    put(route: AlertRoute): void {
      if (!routes.has(fold(route.name)) && routes.size >= limits.alertRoutes) {
        throw new AppError("QUOTA_EXCEEDED", `There are already ${limits.alertRoutes} routes.`, {
          hint: "Delete some with delete-alert-route.",
        });
      }
      write(route);
    },
    disable(name: string, reason: string, nowMs: number): void {
      const route = find(name);
      if (route !== null) write({ ...route, disabled: { reason, atMs: nowMs } });
    },
    remove(name: string): boolean {
      if (!routes.delete(fold(name))) return false;
      store.run("DELETE FROM alert_routes WHERE folded = ?", fold(name));
      store.run("DELETE FROM alert_gates WHERE scope = ?", gateScope(name));
      return true;
    },
  };
}

export type AlertRoutes = ReturnType<typeof createAlertRoutes>;

/** Does this route want this alert? Being off, and being a duplicate, are asked elsewhere. */
export function wants(route: AlertRoute, alert: Alert): boolean {
  return (
    isAtLeast(alert.severity, route.minSeverity) &&
    (route.jobId === null || route.jobId === alert.jobId) &&
    (route.codes === null || route.codes.includes(alert.code)) &&
    !(alert.category === deliveryCategory && alert.evidence["route"] === route.name)
  );
}

/** Dedupe and rate limit: one row per route, or per place that alert-routing sends to. */
export function createGates(store: Store) {
  return {
    read(scope: string): GateState {
      const row = store.first("SELECT state FROM alert_gates WHERE scope = ?", scope);
      return row === null ? freshGate : (JSON.parse(text(row, "state")) as GateState);
    },
    write(scope: string, state: GateState, nowMs: number): void {
      store.run(
        `INSERT INTO alert_gates (scope, state, at_ms) VALUES (?, ?, ?)
         ON CONFLICT (scope) DO UPDATE SET state = excluded.state, at_ms = excluded.at_ms`,
        scope,
        JSON.stringify(state),
        nowMs,
      );
    },
    /** Places that nobody wrote to for longer than any window. */
    sweep: (nowMs: number): void =>
      store.run("DELETE FROM alert_gates WHERE at_ms < ?", nowMs - limits.outboxKeepMs),
  };
}

export type Gates = ReturnType<typeof createGates>;

export function gateScope(routeName: string): string {
  return `route:${fold(routeName)}`;
}

export function fold(name: string): string {
  return name.toLowerCase();
}
