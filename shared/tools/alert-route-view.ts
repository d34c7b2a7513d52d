/** What the alert tools share: where alerts go and how much is let through. */
import { z } from "zod";
import { severities } from "../alerts/alert.ts";
import { sinks } from "../alerts/sinks.ts";
import { count, instant, maybe } from "./vocabulary.ts";

const day = 86_400;

export const sink = z.enum(sinks);
export const minSeverity = z.enum(severities);

/** How much passes (peers 1.3). */
export const gateInput = {
  dedupe_window_seconds: z
    .int()
    .min(0)
    .max(7 * day)
    .default(900),
  rate_limit_window_seconds: z
    .int()
    .min(1)
    .max(7 * day)
    .default(900),
  max_alerts_per_window: z.int().min(0).max(100_000).default(50),
};

export const routeName = z.string().min(1).max(64);

export const deliveryView = z.object({
  delivery_id: z.string(),
  sequence: count,
  route: maybe(z.string()),
  sink,
  destination: z.string(),
  status: z.enum(["pending", "delivered", "dead"]),
  attempts: count,
  next_attempt_at: maybe(instant),
  reason: maybe(z.string()),
  alert_codes: z.array(z.string()),
  created_at: instant,
  ended_at: maybe(instant),
  history: z
    .array(
      z.object({
        attempt: count,
        at: instant,
        status: z.int().nullable(),
        exception: maybe(z.string()),
      }),
    )
    .optional(),
});
export type DeliveryAnswer = z.input<typeof deliveryView>;

export const routeView = z.object({
  name: z.string(),
  sink,
  destination: z.string().describe("Shortened: the path of such an address is a secret."),
  enabled: z.boolean(),
  disabled_reason: maybe(z.string()),
  min_severity: minSeverity,
  job_id: maybe(z.string()),
  codes: maybe(z.array(z.string())),
  agent: maybe(z.string()),
  dedupe_window_seconds: count.optional(),
  rate_limit_window_seconds: count.optional(),
  max_alerts_per_window: count.optional(),
  pending: count,
  dead: count,
  created_at: maybe(instant),
  updated_at: maybe(instant),
});
export type RouteAnswer = z.input<typeof routeView>;
