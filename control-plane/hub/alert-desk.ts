import { isAtLeast, fingerprintOf, overallHealth } from "@trainyard/shared/alerts/alert.ts";
import type { Alert, Severity } from "@trainyard/shared/alerts/alert.ts";
import { judgeAlerts } from "@trainyard/shared/alerts/gate.ts";
import type { GateKnobs, GateVerdict } from "@trainyard/shared/alerts/gate.ts";
import { inParcels } from "@trainyard/shared/alerts/payload.ts";
import type { AlertContext } from "@trainyard/shared/alerts/payload.ts";
import { standingPolicy } from "@trainyard/shared/alerts/schedule.ts";
import type { RetryPolicy } from "@trainyard/shared/alerts/schedule.ts";
import type { Sink } from "@trainyard/shared/alerts/sinks.ts";
import { publicStatus } from "@trainyard/shared/jobs/state.ts";
import { toWireValue } from "@trainyard/shared/protocol/items.ts";
import type { Store } from "../storage.ts";
import { gateScope, wants } from "./alert-routes.ts";
import type { AlertRoutes, Gates, Target } from "./alert-routes.ts";
import type { JobIndex } from "./job-index.ts";
import type { Outbox } from "./outbox.ts";
import type { Sessions } from "./sessions.ts";

export interface RoutingRequest {
  readonly alerts: readonly Alert[];
  readonly target: Target;
  readonly minSeverity: Severity;
  readonly knobs: GateKnobs;
  readonly policy: RetryPolicy;
  readonly includeContext: boolean;
  /** Judges, and neither remembers nor sends. */
  readonly dryRun: boolean;
}

export interface Routing {
  readonly afterSeverity: number;
  readonly duplicates: number;
  readonly rateLimited: number;
  readonly routed: number;
  readonly deliveryIds: readonly string[];
}

/** A chat message shows ten alerts; more are another message. */
const chatSinks: ReadonlySet<Sink> = new Set(["slack", "discord", "ntfy"]);
const chatAlerts = 10;

/**
 * From findings to deliveries. Everything here is one turn without waiting: what is judged new is remembered, and written to
 * the outbox, in the same transaction, so two calls at once cannot both send it.
 */
export function createAlertDesk(deps: {
  readonly store: Store;
  readonly routes: AlertRoutes;
  readonly gates: Gates;
  readonly outbox: Outbox;
  readonly jobs: Pick<JobIndex, "get">;
  readonly sessions: Pick<Sessions, "agents">;
}) {
  const { store, routes, gates, outbox, jobs, sessions } = deps;

  const contextOf = (jobId: string | null, alerts: readonly Alert[]): AlertContext | null => {
    const summary = jobId === null ? undefined : jobs.get(jobId)?.summary;
    if (summary === undefined) return null;
    return {
      job_id: summary.jobId,
      job_name: summary.jobName,
      status_snapshot: {
        status: publicStatus(summary.state),
        state: summary.state,
        phase: summary.phase,
        current_step: summary.currentStep,
        total_steps: summary.totalSteps,
        loss: summary.loss === null ? null : toWireValue(summary.loss),
        steps_per_second: summary.stepsPerSecond,
        observed_at:
          summary.observedAtMs === null ? null : new Date(summary.observedAtMs).toISOString(),
      },
      overall_health: overallHealth(alerts),
    };
  };

  /** The box whose file is meant: the route's own, the alert's, or the only one there is. */
  const boxOf = (target: Target, alert: Alert | undefined): string | null => {
    const agents = sessions.agents();
    return (
      target.agentId ??
      alert?.agentId ??
      (agents.length === 1 ? (agents[0]?.agentId ?? null) : null)
    );
  };

  const post = (
    target: Target,
    alerts: readonly Alert[],
    options: {
      readonly route: string | null;
      readonly policy: RetryPolicy;
      readonly includeContext: boolean;
    },
    nowMs: number,
  ): string => {
    const jobIds = new Set(alerts.map(({ jobId }) => jobId));
    const [jobId = null] = jobIds;
    const agentId = target.sink === "file" ? boxOf(target, alerts[0]) : null;
    return outbox.add(
      {
        route: options.route,
        target: target.sink === "file" ? { ...target, endpoint: `file:${agentId ?? ""}` } : target,
        agentId,
        policy: options.policy,
        alerts,
        context: options.includeContext && jobIds.size === 1 ? contextOf(jobId, alerts) : null,
      },
      nowMs,
    );
  };

  return {
    post,

    /**
     * New findings, to every standing route that wants them; one delivery each. `inTimeline`: the job's timeline has them
     * already. Writes nothing when no route wants one.
     */
    raise(alerts: readonly Alert[], inTimeline: boolean, nowMs: number): void {
      for (const route of routes.enabled()) {
        const { sink } = route.target;
        const wanted = alerts.filter(
          (alert) =>
            wants(route, alert) && !(sink === "timeline" && (inTimeline || alert.jobId === null)),
        );
        if (wanted.length === 0) continue;
        const scope = gateScope(route.name);
        const judged = judgeAlerts(
          gates.read(scope),
          wanted.map(fingerprintOf),
          route.knobs,
          nowMs,
        );
        const passed = wanted.filter((_, at) => judged.verdicts[at] === "routed");
        if (passed.length === 0) continue;
        const options = { route: route.name, policy: standingPolicy, includeContext: true };
        store.transaction(() => {
          gates.write(scope, judged.state, nowMs);
          for (const alert of passed) post(route.target, [alert], options, nowMs);
        });
      }
    },

    /** What one call of alert-routing asks for (peers 2.15). */
    route(request: RoutingRequest, nowMs: number): Routing {
      const { target, knobs } = request;
      const severe = request.alerts.filter((alert) =>
        isAtLeast(alert.severity, request.minSeverity),
      );
      const scope = `to:${target.sink}:${target.endpoint}:${target.sink === "file" ? target.shown : ""}`;
      const judged = judgeAlerts(gates.read(scope), severe.map(fingerprintOf), knobs, nowMs);
      const passed = severe.filter((_, at) => judged.verdicts[at] === "routed");
      const count = (verdict: GateVerdict): number =>
        judged.verdicts.filter((entry) => entry === verdict).length;
      const deliveryIds =
        request.dryRun || passed.length === 0
          ? []
          : store.transaction(() => {
              gates.write(scope, judged.state, nowMs);
              const options = { route: null, ...request };
              return inParcels(passed, chatSinks.has(target.sink) ? chatAlerts : undefined).map(
                (alerts) => post(target, alerts, options, nowMs),
              );
            });
      return {
        afterSeverity: severe.length,
        duplicates: count("duplicate"),
        rateLimited: count("rate-limited"),
        routed: passed.length,
        deliveryIds,
      };
    },
  };
}

export type AlertDesk = ReturnType<typeof createAlertDesk>;
