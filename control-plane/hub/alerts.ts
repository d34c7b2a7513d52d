import { jobEndAlert } from "@trainyard/shared/alerts/job-alerts.ts";
import type { Alert } from "@trainyard/shared/alerts/alert.ts";
import { judgedAlerts, verdictOf } from "@trainyard/shared/alerts/judged-alerts.ts";
import { parseAllowList } from "@trainyard/shared/alerts/url-policy.ts";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import type { Judgement } from "@trainyard/shared/analysis/judge-run.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import type { Env } from "../env.ts";
import type { Store } from "../storage.ts";
import type { JobClient } from "../stubs.ts";
import { createAlertDesk } from "./alert-desk.ts";
import { createAlertMarks } from "./alert-marks.ts";
import type { IngestedFrame } from "./alert-marks.ts";
import { createAlertHandlers } from "./alert-requests.ts";
import type { AlertRequestName, AlertRequests } from "./alert-requests.ts";
import { createAlertRoutes, createGates, deliveryCategory } from "./alert-routes.ts";
import { createAlertWatch } from "./alert-watch.ts";
import { createDelivering } from "./delivering.ts";
import type { JobIndex } from "./job-index.ts";
import { createOutbox } from "./outbox.ts";
import { createSealer } from "./sealing.ts";
import { sendAlert } from "./send-alert.ts";
import type { Sessions } from "./sessions.ts";

export interface AlertsDependencies {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly jobs: JobIndex;
  readonly env: Pick<Env, "TRAINYARD_LINK_KEY" | "TRAINYARD_WEBHOOK_ALLOW">;
  job(jobId: string): JobClient;
  /** Throws AGENT_OFFLINE when the box is away. */
  readonly append: (agentId: string, args: OperationArgs<"append-alerts">) => Promise<void>;
  setAlarm(atMs: number): void;
  readonly now: () => number;
}

/** Alerts of one owner: routes, what was told, the outbox and its one alarm. */
export function createAlerts(deps: AlertsDependencies) {
  const { store, sessions, jobs } = deps;
  const sealer = createSealer(() => deps.env.TRAINYARD_LINK_KEY ?? "");
  const routes = createAlertRoutes(store);
  const gates = createGates(store);
  const outbox = createOutbox(store);
  const marks = createAlertMarks(store);
  const watch = createAlertWatch({ store, sessions, jobs });
  const desk = createAlertDesk({ store, routes, gates, outbox, jobs, sessions });
  let armedAtMs: number | null = null;

  /** The alarm is moved only to an earlier time: each move is a row. */
  const arm = (): void => {
    const nowMs = deps.now();
    const times = [
      outbox.nextAtMs((endpoint) => outbox.endpoint(endpoint)),
      routes.enabled().length === 0 ? null : watch.nextAtMs(nowMs),
    ].filter((atMs) => atMs !== null);
    if (times.length === 0) return;
    const atMs = Math.max(nowMs, Math.min(...times));
    if (armedAtMs !== null && armedAtMs <= atMs) return;
    armedAtMs = atMs;
    deps.setAlarm(atMs);
  };

  const raise = (alerts: readonly Alert[], inTimeline: boolean, nowMs: number): void => {
    if (alerts.length === 0) return;
    desk.raise(alerts, inTimeline, nowMs);
    arm();
  };

  const delivering = createDelivering({
    store,
    outbox,
    routes,
    now: deps.now,
    send: (delivery, target) =>
      sendAlert(
        {
          sealer,
          allow: parseAllowList(deps.env.TRAINYARD_WEBHOOK_ALLOW),
          append: deps.append,
          addToTimeline: (jobId, { deliveryId, alerts }) =>
            deps.job(jobId).addAlerts(deliveryId, alerts),
          now: deps.now,
        },
        delivery,
        target,
      ),
    routeDisabled: (name, nowMs) => raise([routeAlert(name, nowMs)], false, nowMs),
  });

  /** Null when the Job could not say: an alert is not held back for it. */
  const judged = async (jobId: string): Promise<Judgement | null> => {
    const facts = await deps
      .job(jobId)
      .facts()
      .catch(() => null);
    return facts?.ok === true ? judgeRun(facts.value) : null;
  };

  /** The box judges guardrails; what only a report would show is looked at here, each finding told once per job. */
  const judgeRunning = async (): Promise<void> => {
    const running = watch.running();
    watch.forgetEnded(new Set(running.map(({ summary }) => summary.jobId)));
    for (const { summary } of running) {
      const judgement = await judged(summary.jobId);
      if (judgement === null) continue;
      const nowMs = deps.now();
      const found = judgedAlerts(judgement, summary, nowMs);
      raise(watch.untold(summary.jobId, found, nowMs), false, nowMs);
    }
  };

  const handlers = createAlertHandlers({
    routes,
    outbox,
    desk,
    delivering,
    sealer,
    arm,
    now: deps.now,
  });

  return {
    arm,
    /** After the object woke up: an alarm that is set is not set again. */
    begin(alarmAtMs: number | null): void {
      armedAtMs = alarmAtMs;
      arm();
    },

    answer<Name extends AlertRequestName>(
      name: Name,
      request: AlertRequests[Name]["request"],
    ): AlertRequests[Name]["answer"] | Promise<AlertRequests[Name]["answer"]> {
      return handlers[name](request);
    },

    /** A committed frame, before it is acknowledged. Without a route nothing is read or written. */
    async ingested(frame: Omit<IngestedFrame, "verdict">): Promise<void> {
      if (routes.enabled().length === 0) return;
      const ends = frame.items.some((item) => item.kind === "state" && isTerminal(item.state));
      const judgement = ends ? await judged(frame.summary.jobId) : null;
      const verdict = judgement === null ? {} : verdictOf(judgement);
      const nowMs = deps.now();
      store.transaction(() => {
        const placed = marks.take({ ...frame, verdict }, nowMs);
        const those = (inStream: boolean) =>
          placed.filter((entry) => entry.inStream === inStream).map(({ alert }) => alert);
        raise(those(true), true, nowMs);
        // The end is a state in the stream: as an alert the timeline does not have it.
        raise(those(false), false, nowMs);
      });
    },
    /** The job ended without ever reaching a process. */
    refused(summary: JobSummary): void {
      if (routes.enabled().length === 0) return;
      const nowMs = deps.now();
      raise([jobEndAlert(summary, nowMs)], false, nowMs);
    },
    /** A hello: what waited for this box goes out. */
    boxConnected(agentId: string): void {
      const nowMs = deps.now();
      outbox.wake(agentId, nowMs);
      if (routes.enabled().length > 0) raise(watch.check(nowMs), false, nowMs);
      arm();
    },

    async alarm(): Promise<void> {
      armedAtMs = null;
      const nowMs = deps.now();
      if (routes.enabled().length > 0) {
        raise(watch.check(nowMs), false, nowMs);
        await judgeRunning();
      }
      marks.sweep(nowMs);
      gates.sweep(nowMs);
      await delivering.run();
      arm();
    },
  };
}

export type Alerts = ReturnType<typeof createAlerts>;

function routeAlert(name: string, nowMs: number): Alert {
  return {
    code: "ALERT_ROUTE_DISABLED",
    severity: "warning",
    category: deliveryCategory,
    message: "An alert route was switched off: its receiver answered 410 Gone.",
    atMs: nowMs,
    jobId: null,
    agentId: null,
    step: null,
    evidence: { route: name },
  };
}
