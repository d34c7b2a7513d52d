import type { AlertRoute } from "../hub/alert-routes.ts";
import type { DeliveryView, RouteView } from "../hub/alert-requests.ts";
import type { DeliveryAnswer, RouteAnswer } from "@trainyard/shared/tools/alert-route-view.ts";
import type { GateKnobs } from "@trainyard/shared/alerts/gate.ts";
import { dailyFile } from "./alert-place.ts";
import type { Detail } from "./context.ts";
import { iso, isoOrNull } from "./words.ts";

/** A delivery as tools and the HTTP door show it: codes of its alerts, never its address. */
export function deliveryAnswer(delivery: DeliveryView, detail: Detail): DeliveryAnswer {
  return {
    delivery_id: delivery.deliveryId,
    sequence: delivery.sequence,
    route: delivery.route,
    sink: delivery.sink,
    destination: shownDestination(delivery),
    status: delivery.status,
    attempts: delivery.attempts,
    next_attempt_at: isoOrNull(delivery.nextAtMs),
    reason: delivery.reason,
    alert_codes: delivery.alerts.map(({ code }) => code),
    created_at: iso(delivery.createdAtMs),
    ended_at: isoOrNull(delivery.endedAtMs),
    ...(detail === "full"
      ? {
          history: delivery.history.map(({ attempt, atMs, status, reason }) => ({
            attempt,
            at: iso(atMs),
            status,
            exception: reason,
          })),
        }
      : {}),
  };
}

export function routeAnswer(route: RouteView, detail: Detail): RouteAnswer {
  const short = {
    name: route.name,
    sink: route.sink,
    destination: shownDestination(route),
    enabled: route.disabled === null,
    ...(route.disabled === null ? {} : { disabled_reason: route.disabled.reason }),
    min_severity: route.minSeverity,
    pending: route.pending,
    dead: route.dead,
  };
  if (detail === "concise") return short;
  return {
    ...short,
    disabled_reason: route.disabled?.reason ?? null,
    job_id: route.jobId,
    codes: route.codes,
    agent: route.agentId,
    ...knobsAnswer(route.knobs),
    created_at: iso(route.createdAtMs),
    updated_at: iso(route.updatedAtMs),
  };
}

/** Windows in the seconds of the contract. */
function knobsAnswer(knobs: GateKnobs) {
  return {
    dedupe_window_seconds: knobs.dedupeWindowMs / 1_000,
    rate_limit_window_seconds: knobs.rateWindowMs / 1_000,
    max_alerts_per_window: knobs.maxPerWindow,
  };
}

export function readKnobs(input: {
  readonly dedupe_window_seconds: number;
  readonly rate_limit_window_seconds: number;
  readonly max_alerts_per_window: number;
}): AlertRoute["knobs"] {
  return {
    dedupeWindowMs: input.dedupe_window_seconds * 1_000,
    rateWindowMs: input.rate_limit_window_seconds * 1_000,
    maxPerWindow: input.max_alerts_per_window,
  };
}

function shownDestination({ sink, destination }: Pick<RouteView, "sink" | "destination">): string {
  return sink === "file" && destination === "" ? dailyFile : destination;
}
