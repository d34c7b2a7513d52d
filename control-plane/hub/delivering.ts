import { afterAttempt, endsOutage } from "@trainyard/shared/alerts/pacing.ts";
import { nextStep } from "@trainyard/shared/alerts/schedule.ts";
import type { AttemptOutcome } from "@trainyard/shared/alerts/schedule.ts";
import { isAddress } from "@trainyard/shared/alerts/sinks.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { describe } from "../outcome.ts";
import type { Store } from "../storage.ts";
import type { AlertRoutes, Target } from "./alert-routes.ts";
import type { Delivery } from "./delivery.ts";
import type { Outbox } from "./outbox.ts";
import type { SendResult } from "./send-alert.ts";

export interface DeliveringDependencies {
  readonly store: Store;
  readonly outbox: Outbox;
  readonly routes: AlertRoutes;
  send(delivery: Delivery, target: Target): Promise<SendResult>;
  /** A receiver said 410: the route is off now, which is a finding of its own. */
  routeDisabled(name: string, nowMs: number): void;
  now(): number;
}

/** Works off what is due: several endpoints at once, one delivery at a time for each, in their order. */
export function createDelivering(deps: DeliveringDependencies) {
  const { outbox, routes, store } = deps;
  let running: Promise<void> | null = null;
  const waiters = new Map<string, (() => void)[]>();

  const targetOf = (delivery: Delivery): Target =>
    (delivery.route === null ? null : routes.find(delivery.route)?.target) ?? delivery.target;

  const attempt = async (delivery: Delivery): Promise<void> => {
    const startedAtMs = deps.now();
    const target = targetOf(delivery);
    let result: SendResult;
    try {
      result = await deps.send(delivery, target);
    } catch (error) {
      console.error(JSON.stringify({ delivery: delivery.deliveryId, error: describe(error) }));
      result = { status: null, reason: "INTERRUPTED", retryAfterMs: null };
    }
    store.transaction(() => settle(delivery, target, result, startedAtMs));
    for (const wake of waiters.get(delivery.deliveryId) ?? []) wake();
    waiters.delete(delivery.deliveryId);
  };

  const settle = (
    taken: Delivery,
    target: Target,
    result: SendResult,
    startedAtMs: number,
  ): void => {
    const nowMs = deps.now();
    // Its route may have been deleted or switched off during the attempt.
    const delivery = outbox.read(taken.deliveryId);
    if (delivery === null || delivery.status !== "pending") return;
    if (result === null) {
      outbox.park(delivery);
      return;
    }
    const { status, reason } = result;
    const record = { attempt: delivery.attempts, atMs: startedAtMs, status, reason };
    const next = nextStep(delivery.policy, delivery.attempts, result, nowMs, Math.random());
    switch (next.kind) {
      case "delivered":
        outbox.end(delivery, "delivered", { reason: null, record }, nowMs);
        break;
      case "retry":
        outbox.retry(delivery, next.atMs, reason, record);
        break;
      case "dead":
      case "gone":
        outbox.end(delivery, "dead", { reason, record }, nowMs);
        break;
    }
    if (isAddress(target.sink)) pace(target.endpoint, result, startedAtMs, nowMs);
    if (next.kind === "gone" && delivery.route !== null) disable(delivery.route, nowMs);
  };

  const pace = (
    endpoint: string,
    result: AttemptOutcome,
    startedAtMs: number,
    nowMs: number,
  ): void => {
    const succeeded = result.reason === null;
    const before = outbox.endpoint(endpoint);
    const after = afterAttempt(before, succeeded, outbox.hasBacklog(endpoint), startedAtMs, nowMs);
    outbox.setEndpoint(endpoint, before, after);
    if (endsOutage(before, succeeded)) outbox.bringForward(endpoint, nowMs);
  };

  const disable = (name: string, nowMs: number): void => {
    const route = routes.find(name);
    if (route === null || route.disabled !== null) return;
    routes.disable(name, "The receiver answered 410 Gone.", nowMs);
    for (const waiting of outbox.pendingOf(name)) {
      outbox.end(waiting, "dead", { reason: "ROUTE_DISABLED", record: null }, nowMs);
    }
    deps.routeDisabled(route.name, nowMs);
  };

  const work = async (): Promise<void> => {
    const busy = new Map<string, Promise<void>>();
    for (let started = 0; ;) {
      while (busy.size < limits.deliveriesAtOnce && started < limits.deliveriesPerAlarm) {
        const delivery = outbox.claim(busy.keys(), deps.now());
        if (delivery === null) break;
        started += 1;
        const { endpoint } = targetOf(delivery);
        busy.set(
          endpoint,
          attempt(delivery).finally(() => busy.delete(endpoint)),
        );
      }
      if (busy.size === 0) break;
      await Promise.race(busy.values());
    }
    outbox.sweep(deps.now());
  };

  return {
    /** A second alarm during the first one joins it. */
    run(): Promise<void> {
      running ??= work().finally(() => {
        running = null;
      });
      return running;
    },
    /** Waits until the delivery has ended, or, with `firstAttempt`, was tried once; or until the time is over. */
    async wait(deliveryId: string, forMs: number, firstAttempt: boolean): Promise<void> {
      const until = deps.now() + forMs;
      for (;;) {
        const delivery = outbox.read(deliveryId);
        if (delivery === null || delivery.status !== "pending") return;
        if (firstAttempt && delivery.history.length > 0) return;
        // A box that is off may take days.
        if (delivery.nextAtMs === null) return;
        const leftMs = until - deps.now();
        if (leftMs <= 0) return;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs);
          const wake = (): void => {
            clearTimeout(timer);
            resolve();
          };
          waiters.set(deliveryId, [...(waiters.get(deliveryId) ?? []), wake]);
        });
      }
    },
  };
}

export type Delivering = ReturnType<typeof createDelivering>;
