import {
  discordBody,
  ntfyBody,
  ntfyTarget,
  slackBody,
} from "@trainyard/shared/alerts/chat-bodies.ts";
import { publicAlert, webhookPayload } from "@trainyard/shared/alerts/payload.ts";
import type { Parcel } from "@trainyard/shared/alerts/payload.ts";
import { parseRetryAfter } from "@trainyard/shared/alerts/schedule.ts";
import type { AttemptOutcome, FailureReason } from "@trainyard/shared/alerts/schedule.ts";
import { signedHeaders } from "@trainyard/shared/alerts/signature.ts";
import { defaultAlertFile } from "@trainyard/shared/alerts/sinks.ts";
import type { Sink } from "@trainyard/shared/alerts/sinks.ts";
import { checkDestination } from "@trainyard/shared/alerts/url-policy.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { z } from "zod";
import type { Outcome } from "../outcome.ts";
import type { Target } from "./alert-routes.ts";
import type { Delivery } from "./delivery.ts";
import type { Sealer } from "./sealing.ts";

/** The secret half of a target. */
export const addressSchema = z.object({
  url: z.string(),
  /** `whsec_…` of a generic webhook, access token of an ntfy server, else null. */
  secret: z.string().nullable(),
});
export type Address = z.infer<typeof addressSchema>;

export interface SendDependencies {
  readonly sealer: Sealer;
  /** `host:port` entries of the operator. */
  readonly allow: ReadonlySet<string>;
  append(agentId: string, args: OperationArgs<"append-alerts">): Promise<void>;
  addToTimeline(jobId: string, delivery: Delivery): Promise<Outcome<null>>;
  now(): number;
}

/** Null: the box is away, which is no attempt. */
export type SendResult = AttemptOutcome | null;

const done: AttemptOutcome = { status: null, reason: null, retryAfterMs: null };

/** One attempt of one delivery. Never throws: what goes wrong is the outcome, in a closed set of words. */
export async function sendAlert(
  deps: SendDependencies,
  delivery: Delivery,
  target: Target,
): Promise<SendResult> {
  switch (target.sink) {
    case "file":
      return sendToFile(deps, delivery, target);
    case "timeline": {
      const jobId = delivery.alerts[0]?.jobId ?? target.shown;
      const outcome = await deps
        .addToTimeline(jobId, delivery)
        .catch((): Outcome<null> => ({ ok: false, error: { code: "INTERNAL", message: "" } }));
      return outcome.ok
        ? done
        : failure(outcome.error.code === "JOB_NOT_FOUND" ? "DESTINATION_REFUSED" : "INTERRUPTED");
    }
    default:
      return sendToAddress(deps, delivery, target.sink, target.sealed ?? "");
  }
}

async function sendToAddress(
  deps: SendDependencies,
  delivery: Delivery,
  sink: Exclude<Sink, "file" | "timeline">,
  sealed: string,
): Promise<AttemptOutcome> {
  const opened = await deps.sealer.open(sealed);
  if (opened === null) return failure("SECRET_UNREADABLE");
  const address = addressSchema.parse(JSON.parse(opened));
  let request: { readonly url: URL; readonly body: string };
  try {
    request = requestOf(sink, checkDestination(address.url, deps.allow), delivery);
  } catch (error) {
    if (error instanceof AppError) return failure("DESTINATION_REFUSED");
    throw error;
  }
  const { body } = request;
  const headers = {
    "content-type": "application/json",
    "user-agent": "Trainyard",
    // Every sink: harmless elsewhere, and what a receiver recognises a repeated attempt by.
    "webhook-id": delivery.deliveryId,
    ...(sink === "webhook" && address.secret !== null
      ? await signedHeaders(address.secret, delivery.deliveryId, deps.now(), body)
      : {}),
    ...(sink === "ntfy" && address.secret !== null
      ? { authorization: `Bearer ${address.secret}` }
      : {}),
  };
  const { policy } = delivery;
  const timeoutMs = policy.kind === "explicit" ? policy.timeoutMs : limits.webhookTimeoutMs;
  return post(request.url, { headers, body }, timeoutMs, () => deps.now());
}

async function post(
  url: URL,
  { headers, body }: { readonly headers: Record<string, string>; readonly body: string },
  timeoutMs: number,
  now: () => number,
): Promise<AttemptOutcome> {
  const late = new AbortController();
  // Not AbortSignal.timeout: it cannot be taken back, and a pending timer keeps the object awake and billed.
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      signal: late.signal,
    });
    // The answer's text is nobody's business here: it is neither read nor shown (peers 5.3, 21).
    await response.body?.cancel().catch(() => undefined);
    return outcomeOf(response, now());
  } catch {
    return failure(late.signal.aborted ? "TIMEOUT" : "NETWORK");
  } finally {
    clearTimeout(timer);
  }
}

function outcomeOf({ status, headers }: Response, nowMs: number): AttemptOutcome {
  const retryAfterMs = parseRetryAfter(headers.get("retry-after"), nowMs);
  // Said by the local runtime's own way out, which sees what a name resolves to.
  const outbound = headers.get("x-trainyard-outbound");
  if (outbound === "address-refused") return failure("ADDRESS_REFUSED");
  if (outbound === "failed") return failure("NETWORK");
  if (status >= 200 && status < 300) return { status, reason: null, retryAfterMs: null };
  if (status >= 300 && status < 400) return { status, reason: "REDIRECT_REFUSED", retryAfterMs };
  return { status, reason: status === 410 ? "GONE" : "HTTP_STATUS", retryAfterMs };
}

function requestOf(
  sink: Exclude<Sink, "file" | "timeline">,
  url: URL,
  parcel: Parcel,
): { readonly url: URL; readonly body: string } {
  switch (sink) {
    case "webhook":
      return { url, body: JSON.stringify(webhookPayload(parcel)) };
    case "slack":
      return { url, body: JSON.stringify(slackBody(parcel)) };
    case "discord":
      return { url, body: JSON.stringify(discordBody(parcel)) };
    case "ntfy": {
      const target = ntfyTarget(url);
      return { url: target.url, body: JSON.stringify(ntfyBody(parcel, target.topic)) };
    }
  }
}

async function sendToFile(
  deps: SendDependencies,
  delivery: Delivery,
  target: Target,
): Promise<SendResult> {
  if (delivery.agentId === null) return failure("DESTINATION_REFUSED");
  const timestamp = new Date(delivery.createdAtMs).toISOString();
  const { context } = delivery;
  try {
    await deps.append(delivery.agentId, {
      deliveryId: delivery.deliveryId,
      file: target.shown === "" ? defaultAlertFile(delivery.createdAtMs) : target.shown,
      lines: delivery.alerts.map((alert) => ({
        timestamp,
        alert: publicAlert(alert),
        ...(context === null ? {} : { context }),
      })),
    });
    return done;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // An agent that is too old waits for its update as one that is off waits for its box.
    if (error.code === "AGENT_OFFLINE" || error.code === "AGENT_OUTDATED") return null;
    return failure(error.code === "TOOL_TIMEOUT" ? "TIMEOUT" : "AGENT_REFUSED");
  }
}

function failure(reason: FailureReason): AttemptOutcome {
  return { status: null, reason, retryAfterMs: null };
}
