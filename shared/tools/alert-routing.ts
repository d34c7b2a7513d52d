import { z } from "zod";
import { evidenceSchema } from "../jobs/failure.ts";
import { limits } from "../limits.ts";
import { deliveryView, gateInput, minSeverity, sink } from "./alert-route-view.ts";
import { defineTool } from "./define-tool.ts";
import { agent, count, instant, jobId, jsonDocument, maybe, nameOrPath } from "./vocabulary.ts";

/**
 * An alert as our own answers show it, and as the earlier system's did. The list of tools says only that it is an object:
 * every connected client pays for that list. The handler parses it.
 */
export const givenAlert = z.strictObject({
  severity: z.enum(["none", "info", "warning", "critical"]).default("info"),
  message: z.string().min(1).max(500),
  category: z.string().max(32).nullish(),
  code: z.string().max(64).nullish(),
  at: instant.nullish(),
  step: z.int().nullish(),
  evidence: evidenceSchema.nullish(),
  job_id: z.string().max(100).nullish(),
  agent_id: z.string().max(100).nullish(),
  guardrail: z.boolean().nullish(),
  would_stop: z.boolean().nullish(),
  confidence: z.number().nullish(),
  confidence_source: z.string().max(64).nullish(),
});
export type GivenAlert = z.output<typeof givenAlert>;

const routingControls = z.object({
  state: z.literal("hub"),
  state_path: maybe(z.string()),
  dedupe_window_seconds: count,
  rate_limit_window_seconds: count,
  max_alerts_per_window: count,
  retry: z.enum(["schedule", "explicit"]),
  webhook_retry_attempts: count,
  webhook_backoff_ms: count,
  webhook_backoff_multiplier: z.number(),
  webhook_timeout_seconds: z.number(),
  webhook_retry_status_codes: z.array(z.int()),
  delivery_success: z.boolean(),
});

/** Parameters and answer are the earlier system's (peers 1.3, 2.15); what differs is in docs/alerts.md. */
export const alertRouting = defineTool({
  name: "alert-routing",
  title: "Route alerts once",
  description:
    "Sends a job's alerts, or the given ones, to one place now, less repeats and floods. Without retry knobs a webhook is retried for three days. For standing delivery use set-alert-route.",
  input: z.strictObject({
    job_id: jobId.optional(),
    alerts: z
      .array(jsonDocument)
      .max(limits.alertsPerCall)
      .optional()
      .describe("As answers show them."),
    sink: sink.default("file"),
    destination: z.string().max(3_000).optional().describe("https URL, or a file name."),
    secret: z.string().max(300).optional(),
    agent,
    min_severity: minSeverity.default("warning"),
    lines: z.int().min(100).max(20_000).default(500),
    include_context: z.boolean().default(true),
    state_path: z.string().max(1_000).optional(),
    config_name: nameOrPath.optional(),
    dataset_path: nameOrPath.optional(),
    ...gateInput,
    webhook_retry_attempts: z.int().min(1).max(10).default(3),
    webhook_backoff_ms: z.int().min(0).max(60_000).default(500),
    webhook_backoff_multiplier: z.number().min(1).max(10).default(2),
    webhook_timeout_seconds: z.number().min(1).max(300).default(15),
    webhook_retry_status_codes: z.array(z.int()).max(100).optional(),
    dry_run: z.boolean().default(false),
  }),
  output: z.object({
    generated_at: instant,
    dry_run: z.boolean().optional(),
    min_severity: minSeverity,
    alerts_in: count,
    alerts_after_severity_filter: count,
    alerts_after_dedupe_rate_limit: count,
    alerts_routed: count,
    routed_count: count.describe("Same as alerts_routed."),
    suppressed_count: count,
    destination: z.string(),
    routing_controls: routingControls.optional(),
    filter_stats: z.object({
      input_alerts: count,
      routed_alerts: count,
      dropped_duplicate: count,
      dropped_rate_limit: count,
    }),
    route_result: z.object({
      routed: count,
      sink,
      destination: z.string(),
      delivery_status: z.enum(["none", "pending", "delivered", "dead"]),
      webhook_status: maybe(z.int()),
      webhook_error: maybe(z.string()),
      webhook_attempts: count.optional(),
      webhook_retries: count.optional(),
      webhook_history: z
        .array(z.object({ attempt: count, status: maybe(z.int()), exception: maybe(z.string()) }))
        .optional(),
      deliveries: z.array(deliveryView).optional(),
    }),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: true,
  },
  scope: "admin",
  runsOn: "edge",
  core: false,
});
