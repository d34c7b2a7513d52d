import type { Alert, Severity } from "@trainyard/shared/alerts/alert.ts";
import type { GateKnobs } from "@trainyard/shared/alerts/gate.ts";
import { standingPolicy } from "@trainyard/shared/alerts/schedule.ts";
import { newWebhookSecret } from "@trainyard/shared/alerts/signature.ts";
import { isAddress } from "@trainyard/shared/alerts/sinks.ts";
import type { Sink } from "@trainyard/shared/alerts/sinks.ts";
import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import type { AlertDesk, Routing, RoutingRequest } from "./alert-desk.ts";
import type { AlertRoute, AlertRoutes, Target } from "./alert-routes.ts";
import type { Delivering } from "./delivering.ts";
import { unknownDelivery } from "./delivery.ts";
import type { Delivery, DeliveryFilter } from "./delivery.ts";
import type { Outbox } from "./outbox.ts";
import type { Sealer } from "./sealing.ts";
import { addressSchema } from "./send-alert.ts";
import type { Address } from "./send-alert.ts";

/** A place as a caller names it; the URL was checked where it was given. */
export interface PlaceRequest {
  readonly sink: Sink;
  readonly shown: string;
  /** Null for files and timelines, and where a known route keeps its address. */
  readonly address: Address | null;
  readonly agentId: string | null;
}

interface RouteRequest {
  readonly name: string;
  readonly place: PlaceRequest;
  /** A new secret; null keeps the route's own, or makes one for a new webhook. */
  readonly secret: string | null;
  readonly minSeverity: Severity;
  readonly jobId: string | null;
  readonly codes: string[] | null;
  readonly knobs: GateKnobs;
}

/** A route as it may be shown: its address and secret stay sealed. */
export interface RouteView extends Omit<AlertRoute, "target"> {
  readonly sink: Sink;
  readonly destination: string;
  readonly agentId: string | null;
  readonly pending: number;
  readonly dead: number;
}

export interface DeliveryView extends Omit<Delivery, "target"> {
  readonly sink: Sink;
  readonly destination: string;
}

/** What can be asked of the Hub about alerts, by name: the request and its answer. */
export interface AlertRequests {
  readonly set: {
    readonly request: RouteRequest;
    readonly answer: {
      readonly route: RouteView;
      readonly created: boolean;
      readonly secret: string | null;
    };
  };
  readonly list: { readonly request: null; readonly answer: readonly RouteView[] };
  readonly remove: {
    readonly request: { readonly name: string };
    readonly answer: { readonly deleted: boolean; readonly dropped: number };
  };
  readonly test: {
    readonly request: { readonly name: string; readonly waitMs: number };
    readonly answer: DeliveryView;
  };
  readonly route: {
    readonly request: Omit<RoutingRequest, "target"> & {
      readonly place: PlaceRequest;
      readonly waitMs: number;
    };
    readonly answer: Omit<Routing, "deliveryIds"> & {
      readonly deliveries: readonly DeliveryView[];
    };
  };
  readonly deliveries: {
    readonly request: DeliveryFilter;
    readonly answer: {
      readonly deliveries: readonly DeliveryView[];
      readonly total: number;
      readonly next: number | null;
    };
  };
  readonly delivery: {
    readonly request: { readonly deliveryId: string };
    readonly answer: DeliveryView;
  };
  readonly replay: {
    readonly request: { readonly deliveryId: string };
    readonly answer: DeliveryView;
  };
}
export type AlertRequestName = keyof AlertRequests;
export type AlertHandlers = {
  readonly [Name in AlertRequestName]: (
    request: AlertRequests[Name]["request"],
  ) => AlertRequests[Name]["answer"] | Promise<AlertRequests[Name]["answer"]>;
};

/** Answers the tools and the HTTP door. */
export function createAlertHandlers(deps: {
  readonly routes: AlertRoutes;
  readonly outbox: Outbox;
  readonly desk: AlertDesk;
  readonly delivering: Delivering;
  readonly sealer: Sealer;
  readonly arm: () => void;
  now(): number;
}): AlertHandlers {
  const { routes, outbox, desk, delivering, sealer, arm } = deps;

  const targetOf = async ({ sink, shown, address, agentId }: PlaceRequest): Promise<Target> => ({
    sink,
    shown,
    agentId,
    sealed: address === null ? null : await sealer.seal(JSON.stringify(address)),
    endpoint:
      address === null
        ? sink
        : (await sha256Hex(new TextEncoder().encode(address.url))).slice(0, 32),
  });

  const routeView = ({ target, ...route }: AlertRoute): RouteView => ({
    ...route,
    sink: target.sink,
    destination: target.shown,
    agentId: target.agentId,
    pending: outbox.countOf(route.name, "pending"),
    dead: outbox.countOf(route.name, "dead"),
  });

  const deliveryView = ({ target, ...delivery }: Delivery): DeliveryView => ({
    ...delivery,
    sink: target.sink,
    destination: target.shown,
  });
  const known = (deliveryId: string): DeliveryView => {
    const delivery = outbox.read(deliveryId);
    if (delivery === null) throw unknownDelivery();
    return deliveryView(delivery);
  };

  /** A generic webhook always has a secret: the one given, the route's own, or a new one, which is shown this once. */
  const withSecret = async (
    { sink, address }: PlaceRequest,
    given: string | null,
    before: AlertRoute | null,
  ): Promise<{ readonly address: Address | null; readonly shown: string | null }> => {
    if (!isAddress(sink)) return { address: null, shown: null };
    const kept =
      before?.target.sink === sink ? await sealer.open(before.target.sealed ?? "") : null;
    const old = kept === null ? null : addressSchema.parse(JSON.parse(kept));
    const url = address?.url ?? old?.url;
    if (url === undefined) {
      throw new AppError("INVALID_ARGUMENT", "destination is missing.", {
        hint: "Give the https URL that the alerts go to.",
        details: { field: "destination" },
      });
    }
    const secret = given ?? old?.secret ?? null;
    if (secret !== null || sink !== "webhook") return { address: { url, secret }, shown: null };
    const made = newWebhookSecret();
    return { address: { url, secret: made }, shown: made };
  };

  return {
    async set({ name, place, secret, ...rest }) {
      const before = routes.find(name);
      const { address, shown } = await withSecret(place, secret, before);
      const target = await targetOf({
        ...place,
        shown: place.shown === "" ? (before?.target.shown ?? "") : place.shown,
        address,
      });
      const nowMs = deps.now();
      const route: AlertRoute = {
        ...rest,
        name: before?.name ?? name,
        target,
        createdAtMs: before?.createdAtMs ?? nowMs,
        updatedAtMs: nowMs,
        disabled: null,
      };
      routes.put(route);
      outbox.retarget(route.name, target.endpoint, nowMs);
      arm();
      return { route: routeView(route), created: before === null, secret: shown };
    },
    list: () => routes.all().map(routeView),
    remove({ name }) {
      const nowMs = deps.now();
      const pending = outbox.pendingOf(name);
      if (!routes.remove(name)) return { deleted: false, dropped: 0 };
      for (const delivery of pending) {
        outbox.end(delivery, "dead", { reason: "ROUTE_DELETED", record: null }, nowMs);
      }
      return { deleted: true, dropped: pending.length };
    },
    async test({ name, waitMs }) {
      const route = routes.known(name);
      if (route.target.sink === "timeline" && route.jobId === null) {
        throw new AppError(
          "INVALID_ARGUMENT",
          "A route to the timelines of all jobs has no place for a test.",
          {
            hint: "Set job_id in the route, or test by alert-routing with sink timeline and a job_id.",
          },
        );
      }
      const nowMs = deps.now();
      const options = { route: route.name, policy: standingPolicy, includeContext: false };
      const deliveryId = desk.post(route.target, [testAlert(route, nowMs)], options, nowMs);
      arm();
      await delivering.wait(deliveryId, waitMs, true);
      return known(deliveryId);
    },
    async route({ place, waitMs, ...rest }) {
      const target = await targetOf(place);
      const { deliveryIds, ...counts } = desk.route({ ...rest, target }, deps.now());
      if (deliveryIds.length > 0) arm();
      const until = deps.now() + waitMs;
      for (const deliveryId of deliveryIds) {
        await delivering.wait(deliveryId, until - deps.now(), rest.policy.kind === "schedule");
      }
      return { ...counts, deliveries: deliveryIds.map(known) };
    },
    deliveries(filter) {
      const page = outbox.list(filter);
      return { ...page, deliveries: page.deliveries.map(deliveryView) };
    },
    delivery: ({ deliveryId }) => known(deliveryId),
    replay({ deliveryId }) {
      const nowMs = deps.now();
      outbox.replay(
        deliveryId,
        ({ route, target, agentId }) =>
          target.sink === "file"
            ? `file:${agentId ?? ""}`
            : ((route === null ? null : routes.find(route)?.target.endpoint) ?? target.endpoint),
        nowMs,
      );
      arm();
      return known(deliveryId);
    },
  };
}

function testAlert(route: AlertRoute, nowMs: number): Alert {
  return {
    code: "ALERT_TEST",
    severity: "info",
    category: "test",
    message: "This is a test of an alert route. Nothing is wrong.",
    atMs: nowMs,
    jobId: route.jobId,
    agentId: null,
    step: null,
    evidence: { route: route.name },
  };
}
