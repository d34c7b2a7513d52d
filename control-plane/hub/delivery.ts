import { alertSchema } from "@trainyard/shared/alerts/alert.ts";
import type { Alert } from "@trainyard/shared/alerts/alert.ts";
import { alertContextSchema } from "@trainyard/shared/alerts/payload.ts";
import type { AlertContext } from "@trainyard/shared/alerts/payload.ts";
import { failureReasons } from "@trainyard/shared/alerts/schedule.ts";
import type { FailureReason, RetryPolicy } from "@trainyard/shared/alerts/schedule.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { z } from "zod";
import { text } from "../storage.ts";
import type { Row } from "../storage.ts";
import { targetSchema } from "./alert-routes.ts";
import type { Target } from "./alert-routes.ts";

export type DeliveryStatus = "pending" | "delivered" | "dead";

const attemptSchema = z.object({
  attempt: z.int(),
  atMs: z.number(),
  status: z.int().nullable(),
  reason: z.enum(failureReasons).nullable(),
});
export type AttemptRecord = z.infer<typeof attemptSchema>;

/** What never changes of a delivery. A route's delivery follows the route's address of the day. */
const bodySchema = z.object({
  target: targetSchema,
  agentId: z.string().nullable(),
  policy: z.custom<RetryPolicy>(),
  alerts: z.array(alertSchema),
  context: alertContextSchema.nullable(),
  createdAtMs: z.number(),
});
const progressSchema = z.object({
  reason: z.enum(failureReasons).nullable(),
  history: z.array(attemptSchema),
});

export interface Delivery {
  readonly deliveryId: string;
  readonly sequence: number;
  readonly route: string | null;
  readonly target: Target;
  readonly agentId: string | null;
  readonly policy: RetryPolicy;
  readonly alerts: readonly Alert[];
  readonly context: AlertContext | null;
  readonly status: DeliveryStatus;
  /** Null while it waits for its box, and at the end. */
  readonly nextAtMs: number | null;
  readonly attempts: number;
  readonly reason: FailureReason | null;
  readonly history: readonly AttemptRecord[];
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
}

export interface NewDelivery {
  readonly route: string | null;
  readonly target: Target;
  readonly agentId: string | null;
  readonly policy: RetryPolicy;
  readonly alerts: readonly Alert[];
  readonly context: AlertContext | null;
}

export interface DeliveryFilter {
  readonly status: DeliveryStatus | null;
  readonly route: string | null;
  readonly limit: number;
  /** Deliveries with a smaller sequence. */
  readonly before: number | null;
}

export interface DeliveryPage {
  readonly deliveries: readonly Delivery[];
  readonly total: number;
  readonly next: number | null;
}

export function unknownDelivery(): AppError {
  return new AppError("DELIVERY_NOT_FOUND", "There is no such delivery.", {
    hint: "GET /webhooks/deliveries lists those there are; ended ones are kept for 30 days.",
  });
}

/** The column `progress` after one more attempt. */
export function progressOf(
  { history }: Delivery,
  reason: FailureReason | null,
  record: AttemptRecord | null,
): string {
  const all = record === null ? history : [...history, record];
  return JSON.stringify({ reason, history: all.slice(-limits.deliveryHistory) });
}

export function deliveryOf(row: Row): Delivery {
  const body = bodySchema.parse(JSON.parse(text(row, "body")));
  const progress = progressSchema.parse(JSON.parse(text(row, "progress")));
  const number = (column: string): number | null => {
    const value = row[column];
    return typeof value === "number" ? value : null;
  };
  return {
    deliveryId: text(row, "delivery_id"),
    sequence: Number(row["place"]),
    route: row["route"] === null ? null : text(row, "route"),
    ...body,
    ...progress,
    status: text(row, "status") as DeliveryStatus,
    nextAtMs: number("next_at_ms"),
    attempts: Number(row["attempts"]),
    endedAtMs: number("ended_at_ms"),
  };
}
