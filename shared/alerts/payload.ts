import { z } from "zod";
import { evidenceSchema } from "../jobs/failure.ts";
import { limits } from "../limits.ts";
import { severitySchema } from "./alert.ts";
import type { Alert } from "./alert.ts";

/** What a receiver gets to see of an alert: public JSON, so snake_case. */
const publicAlertSchema = z.object({
  code: z.string(),
  severity: severitySchema,
  category: z.string(),
  message: z.string(),
  at: z.iso.datetime(),
  job_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  step: z.int().nullable(),
  evidence: evidenceSchema,
  /** The finding stopped the job. Left out where it did not. */
  guardrail: z.boolean().optional(),
  /** It would have, but for a dry run. Left out where it would not. */
  would_stop: z.boolean().optional(),
});
type PublicAlert = z.infer<typeof publicAlertSchema>;

/** Only with alerts that are about a job. */
export const alertContextSchema = z.object({
  job_id: z.string(),
  job_name: z.string(),
  status_snapshot: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  overall_health: z.string(),
});
export type AlertContext = z.infer<typeof alertContextSchema>;

/**
 * Body of the generic webhook. `alerts` and `context` are the earlier system's body (peers 2.15); around them stands a
 * versioned envelope. A field may be added within a version, never removed or changed.
 */
export const webhookPayloadSchema = z.object({
  version: z.literal(1),
  type: z.enum(["alert.raised", "alert.test", "job.finished"]),
  /** Same as the header `webhook-id`, in every attempt. */
  id: z.string(),
  /** Rises with every delivery of this control plane: what is newer when things arrive late. */
  sequence: z.int().min(1),
  /** When the alerts were handed to the outbox. */
  timestamp: z.iso.datetime(),
  alerts: z.array(publicAlertSchema).min(1),
  context: alertContextSchema.optional(),
});
export type WebhookPayload = z.infer<typeof webhookPayloadSchema>;

/** What one delivery carries, whatever form it takes on. */
export interface Parcel {
  readonly deliveryId: string;
  readonly sequence: number;
  readonly createdAtMs: number;
  readonly alerts: readonly Alert[];
  readonly context: AlertContext | null;
}

export function webhookPayload(parcel: Parcel): WebhookPayload {
  return {
    version: 1,
    type: typeOf(parcel.alerts),
    id: parcel.deliveryId,
    sequence: parcel.sequence,
    timestamp: new Date(parcel.createdAtMs).toISOString(),
    alerts: parcel.alerts.map(publicAlert),
    ...(parcel.context === null ? {} : { context: parcel.context }),
  };
}

export function publicAlert(alert: Alert): PublicAlert {
  return {
    code: alert.code,
    severity: alert.severity,
    category: alert.category,
    message: alert.message,
    at: new Date(alert.atMs).toISOString(),
    job_id: alert.jobId,
    agent_id: alert.agentId,
    step: alert.step,
    evidence: alert.evidence,
    ...(alert.guardrail === true ? { guardrail: true } : {}),
    ...(alert.wouldStop === true ? { would_stop: true } : {}),
  };
}

function typeOf(alerts: readonly Alert[]): WebhookPayload["type"] {
  if (alerts.every(({ code }) => code === "ALERT_TEST")) return "alert.test";
  return alerts.every(({ category, code }) => category === "job" && code.startsWith("JOB_"))
    ? "job.finished"
    : "alert.raised";
}

/** Parts of a list whose bodies stay below what Standard Webhooks advises. Order is kept; nothing is left out. */
export function inParcels(
  alerts: readonly Alert[],
  perParcel: number = limits.alertsPerCall,
): readonly (readonly Alert[])[] {
  const parcels: Alert[][] = [];
  let room = 0;
  for (const alert of alerts) {
    const bytes = new TextEncoder().encode(JSON.stringify(publicAlert(alert))).byteLength + 1;
    const open = parcels.at(-1);
    if (open === undefined || bytes > room || open.length >= perParcel) {
      parcels.push([alert]);
      room = limits.alertBodyBytes - bytes;
    } else {
      open.push(alert);
      room -= bytes;
    }
  }
  return parcels;
}
