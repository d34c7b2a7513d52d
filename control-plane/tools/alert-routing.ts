import type { Alert } from "@trainyard/shared/alerts/alert.ts";
import { judgedAlerts, verdictOf } from "@trainyard/shared/alerts/judged-alerts.ts";
import { alertOfItem, jobEndAlert } from "@trainyard/shared/alerts/job-alerts.ts";
import { standingPolicy } from "@trainyard/shared/alerts/schedule.ts";
import type { ExplicitRetry } from "@trainyard/shared/alerts/schedule.ts";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { givenAlert } from "@trainyard/shared/tools/alert-routing.ts";
import type { GivenAlert } from "@trainyard/shared/tools/alert-routing.ts";
import type { ToolInput, ToolOutput } from "@trainyard/shared/tools/registry.ts";
import type { AlertRequests, DeliveryView } from "../hub/alert-requests.ts";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { dailyFile, readPlace } from "./alert-place.ts";
import { deliveryAnswer, readKnobs } from "./alert-views.ts";
import { chooseAgent } from "./choose-agent.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { itemsOf } from "./job-records.ts";
import { iso, plural } from "./words.ts";

type Input = ToolInput<"alert-routing">;
type RoutingAnswer = AlertRequests["route"]["answer"];

const answerMarginMs = 2_000;
const waitAtMostMs = 20_000;
const eventsRead = 500;

export const alertRouting: EdgeHandler<"alert-routing"> = async (input, context) => {
  const job =
    input.job_id === undefined ? null : unwrap(await context.hub.viewJob(input.job_id, false));
  const alerts =
    input.alerts === undefined
      ? await alertsOfJob(job, context)
      : givenAlerts(input.alerts.map(parseAlert), input.job_id ?? null, context.now());
  const place = readPlace(input, await boxOf(input, job, context), context);
  checkPlace(input, place.address === null);
  const policy = explicitPolicy(input, context) ?? standingPolicy;
  const leftMs = context.deadlineAtMs - context.now() - answerMarginMs;
  const routing = unwrap(
    await context.hub.alerts("route", {
      alerts,
      place,
      minSeverity: input.min_severity,
      knobs: readKnobs(input),
      policy,
      includeContext: input.include_context,
      dryRun: input.dry_run,
      waitMs: Math.max(0, Math.min(leftMs, waitAtMostMs)),
    }),
  );
  const alertsIn = input.alerts?.length ?? alerts.length;
  const shown = place.shown === "" ? dailyFile : place.shown;
  const full = context.detail(undefined) === "full";
  return {
    data: {
      generated_at: iso(context.now()),
      ...(input.dry_run ? { dry_run: true } : {}),
      min_severity: input.min_severity,
      alerts_in: alertsIn,
      alerts_after_severity_filter: routing.afterSeverity,
      alerts_after_dedupe_rate_limit: routing.routed,
      alerts_routed: input.dry_run ? 0 : routing.routed,
      routed_count: input.dry_run ? 0 : routing.routed,
      suppressed_count: routing.duplicates + routing.rateLimited,
      destination: shown,
      ...(full ? { routing_controls: controls(input, policy.kind, routing) } : {}),
      filter_stats: {
        input_alerts: routing.afterSeverity,
        routed_alerts: routing.routed,
        dropped_duplicate: routing.duplicates,
        dropped_rate_limit: routing.rateLimited,
      },
      route_result: routeResult(input, shown, routing, full),
    },
    text: sentence(input, alertsIn, routing),
  };
};

/** The box of a file: the one named, the job's, or the only one. */
async function boxOf(
  input: Input,
  job: JobView | null,
  context: EdgeContext,
): Promise<string | null> {
  if (input.sink !== "file") return null;
  if (input.agent === undefined && job !== null) return job.summary.agentId;
  return (await chooseAgent(context, input.agent)).agentId;
}

function checkPlace({ sink, job_id }: Input, withoutAddress: boolean): void {
  if (sink === "timeline" && job_id === undefined) {
    throw new AppError("INVALID_ARGUMENT", "The timeline of which job? job_id is missing.", {
      hint: "Give job_id, or another sink.",
      details: { field: "job_id" },
    });
  }
  if (sink !== "timeline" && sink !== "file" && withoutAddress) {
    throw new AppError("INVALID_ARGUMENT", "destination is missing.", {
      hint: "Give the https URL that the alerts go to.",
      details: { field: "destination" },
    });
  }
}

/** What its stream told, what judging it finds now, and its end. */
async function alertsOfJob(job: JobView | null, context: EdgeContext): Promise<Alert[]> {
  if (job === null) {
    throw new AppError("INVALID_ARGUMENT", "There is nothing to route.", {
      hint: "Give job_id, or alerts.",
      details: { field: "job_id" },
    });
  }
  const { summary } = job;
  const { jobId } = summary;
  const events = unwrap(await context.job(jobId).events(["alert"], eventsRead));
  const facts = unwrap(await context.job(jobId).facts());
  const told = itemsOf(events, "alert").map((item) => alertOfItem(item, summary));
  const nowMs = context.now();
  const judgement = judgeRun(facts);
  const end = isTerminal(summary.state)
    ? [jobEndAlert(summary, summary.endedAtMs ?? nowMs, verdictOf(judgement))]
    : [];
  return [...told, ...judgedAlerts(judgement, summary, nowMs), ...end];
}

/** "none" is below every severity that can be asked for. Control characters would act on whoever reads the text. */
function givenAlerts(given: readonly GivenAlert[], jobId: string | null, nowMs: number): Alert[] {
  return given.flatMap((alert): Alert[] => {
    const { severity } = alert;
    if (severity === "none") return [];
    return [
      {
        code: plainText(alert.code ?? "") || "ALERT",
        severity,
        category: plainText(alert.category ?? "") || "alert",
        message: plainText(alert.message),
        atMs: alert.at === undefined || alert.at === null ? nowMs : Date.parse(alert.at),
        jobId: jobId ?? alert.job_id ?? null,
        agentId: alert.agent_id ?? null,
        step: alert.step ?? null,
        evidence: {
          ...alert.evidence,
          ...(typeof alert.confidence === "number" ? { confidence: alert.confidence } : {}),
        },
        ...(alert.guardrail === true ? { guardrail: true } : {}),
        ...(alert.would_stop === true ? { wouldStop: true } : {}),
      },
    ];
  });
}

function parseAlert(value: unknown, index: number): GivenAlert {
  const parsed = givenAlert.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = [`alerts[${index}]`, ...(issue?.path ?? [])].join(".");
  throw new AppError("INVALID_ARGUMENT", `${at} is not as an alert has it.`, {
    hint: "An alert is {severity, message}, with code, category, at, step, evidence, job_id where they are known.",
    details: { field: at, problem: issue?.message.slice(0, 200) ?? "unknown" },
  });
}

function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, " ").trim();
}

const retryKnobs = [
  "webhook_retry_attempts",
  "webhook_backoff_ms",
  "webhook_backoff_multiplier",
  "webhook_timeout_seconds",
  "webhook_retry_status_codes",
] as const;

/** One knob given is a policy of the caller's own: it governs that delivery entirely. */
function explicitPolicy(input: Input, { given }: EdgeContext): ExplicitRetry | null {
  if (!retryKnobs.some((knob) => given.has(knob))) return null;
  return {
    kind: "explicit",
    attempts: input.webhook_retry_attempts,
    backoffMs: input.webhook_backoff_ms,
    backoffMultiplier: input.webhook_backoff_multiplier,
    timeoutMs: input.webhook_timeout_seconds * 1_000,
    retryStatusCodes: retryCodes(input.webhook_retry_status_codes),
  };
}

const usualRetryCodes: readonly number[] = [408, 409, 425, 429, 500, 502, 503, 504];

/** Those from 100 to 599, sorted, each once; none left means the usual ones (peers 1.3). */
function retryCodes(given: readonly number[] | undefined): number[] {
  const kept = [...new Set(given ?? [])].filter((code) => code >= 100 && code <= 599);
  return kept.length === 0 ? [...usualRetryCodes] : kept.toSorted((a, b) => a - b);
}

function controls(
  input: Input,
  retry: "schedule" | "explicit",
  { deliveries }: RoutingAnswer,
): NonNullable<ToolOutput<"alert-routing">["routing_controls"]> {
  return {
    state: "hub",
    state_path: input.state_path ?? null,
    dedupe_window_seconds: input.dedupe_window_seconds,
    rate_limit_window_seconds: input.rate_limit_window_seconds,
    max_alerts_per_window: input.max_alerts_per_window,
    retry,
    webhook_retry_attempts: input.webhook_retry_attempts,
    webhook_backoff_ms: input.webhook_backoff_ms,
    webhook_backoff_multiplier: input.webhook_backoff_multiplier,
    webhook_timeout_seconds: input.webhook_timeout_seconds,
    webhook_retry_status_codes: retryCodes(input.webhook_retry_status_codes),
    delivery_success: deliveries.every(({ status }) => status === "delivered"),
  };
}

function statusOf(deliveries: readonly DeliveryView[]): "none" | "pending" | "delivered" | "dead" {
  if (deliveries.length === 0) return "none";
  if (deliveries.some(({ status }) => status === "dead")) return "dead";
  return deliveries.some(({ status }) => status === "pending") ? "pending" : "delivered";
}

function routeResult(
  input: Input,
  destination: string,
  { routed, deliveries }: RoutingAnswer,
  full: boolean,
): ToolOutput<"alert-routing">["route_result"] {
  const history = deliveries.flatMap((delivery) => delivery.history);
  const last = history.at(-1);
  const attempts = deliveries.reduce((sum, delivery) => sum + delivery.attempts, 0);
  return {
    routed: input.dry_run ? 0 : routed,
    sink: input.sink,
    destination,
    delivery_status: statusOf(deliveries),
    webhook_status: last?.status ?? null,
    webhook_error: last?.reason ?? null,
    webhook_attempts: attempts,
    webhook_retries: Math.max(0, attempts - deliveries.length),
    ...(full
      ? {
          webhook_history: history.slice(-limits.deliveryHistory).map((entry) => ({
            attempt: entry.attempt,
            status: entry.status,
            exception: entry.reason,
          })),
        }
      : {}),
    deliveries: deliveries
      .slice(0, full ? deliveries.length : 2)
      .map((delivery) => deliveryAnswer(delivery, full ? "full" : "concise")),
  };
}

function sentence(input: Input, alertsIn: number, routing: RoutingAnswer): string {
  const held = routing.duplicates + routing.rateLimited;
  const kept = held === 0 ? "" : `, ${held} held back as repeated or too many`;
  const passed = `${routing.routed} of ${plural(alertsIn, "alert")} ${routing.routed === 1 ? "passes" : "pass"}${kept}.`;
  if (input.dry_run) return `${passed} This was a dry run; nothing was sent or remembered.`;
  switch (statusOf(routing.deliveries)) {
    case "none":
      return `${passed} Nothing was sent. Next: a lower min_severity, if more is wanted.`;
    case "delivered":
      return `${passed} Delivered. For standing delivery use set-alert-route.`;
    case "dead":
      return `${passed} A delivery failed for good; route_result says why. It can be replayed over /webhooks.`;
    case "pending":
      return `${passed} It is in the outbox and goes on by itself${input.sink === "file" ? "; the box writes it when it is connected" : ""}.`;
  }
}
