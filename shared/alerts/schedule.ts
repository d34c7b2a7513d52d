import { limits } from "../limits.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/**
 * Waits between attempts, from the Standard Webhooks specification (reliability 1.1): the first attempt at once, nine more
 * over 75 h 35 min. Jitter only adds to a wait, so that the whole is never shorter.
 */
export const scheduleMs: readonly number[] = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];
const jitterShare = 0.1;

/** The retry knobs of one call; given, they govern that delivery entirely (peers 1.3). */
export interface ExplicitRetry {
  readonly kind: "explicit";
  readonly attempts: number;
  readonly backoffMs: number;
  readonly backoffMultiplier: number;
  readonly timeoutMs: number;
  readonly retryStatusCodes: readonly number[];
}

export type RetryPolicy = { readonly kind: "schedule" } | ExplicitRetry;

export const standingPolicy: RetryPolicy = { kind: "schedule" };

/** Why an attempt brought nothing, in our words: a receiver's text is never kept (peers 5.3, 21). */
export const failureReasons = [
  "ADDRESS_REFUSED",
  "AGENT_OFFLINE",
  "AGENT_REFUSED",
  "DESTINATION_REFUSED",
  "GONE",
  "HTTP_STATUS",
  "INTERRUPTED",
  "NETWORK",
  "OUTBOX_FULL",
  "REDIRECT_REFUSED",
  "ROUTE_DELETED",
  "ROUTE_DISABLED",
  "SECRET_UNREADABLE",
  "TIMEOUT",
] as const;
export type FailureReason = (typeof failureReasons)[number];

export interface AttemptOutcome {
  /** HTTP status; null when there was no answer. */
  readonly status: number | null;
  readonly reason: FailureReason | null;
  readonly retryAfterMs: number | null;
}

export type NextStep =
  | { readonly kind: "delivered" }
  | { readonly kind: "retry"; readonly atMs: number }
  /** 410: the receiver wants nothing more, ever. */
  | { readonly kind: "gone" }
  | { readonly kind: "dead" };

/** A name that resolves to a private address is not going to become public by waiting (reliability 4.9, 39). */
const addressAttempts = 3;

/** After attempt number `attempt` (from 1). `random` is uniform in [0, 1). */
export function nextStep(
  policy: RetryPolicy,
  attempt: number,
  outcome: AttemptOutcome,
  nowMs: number,
  random: number,
): NextStep {
  const { status, reason } = outcome;
  if (reason === null) return { kind: "delivered" };
  if (status === 410) return { kind: "gone" };
  if (reason === "DESTINATION_REFUSED" || reason === "SECRET_UNREADABLE") return { kind: "dead" };
  if (reason === "ADDRESS_REFUSED" && attempt >= addressAttempts) return { kind: "dead" };
  return policy.kind === "explicit"
    ? explicitStep(policy, attempt, outcome, nowMs)
    : scheduledStep(attempt, outcome, nowMs, random);
}

function scheduledStep(
  attempt: number,
  { retryAfterMs }: AttemptOutcome,
  nowMs: number,
  random: number,
): NextStep {
  const wait = scheduleMs[attempt - 1];
  if (wait === undefined) return { kind: "dead" };
  const asked = Math.min(retryAfterMs ?? 0, limits.retryAfterMaxMs);
  return { kind: "retry", atMs: nowMs + Math.max(asked, wait * (1 + jitterShare * random)) };
}

/** delay = backoff × multiplier^(attempt − 1), at most 120 s (peers 2.15); a longer Retry-After holds up to the same. */
function explicitStep(
  policy: ExplicitRetry,
  attempt: number,
  { status, retryAfterMs }: AttemptOutcome,
  nowMs: number,
): NextStep {
  if (attempt >= policy.attempts) return { kind: "dead" };
  if (status !== null && !policy.retryStatusCodes.includes(status)) return { kind: "dead" };
  const delay = Math.max(
    policy.backoffMs * policy.backoffMultiplier ** (attempt - 1),
    retryAfterMs ?? 0,
  );
  return { kind: "retry", atMs: nowMs + Math.min(delay, limits.explicitBackoffMaxMs) };
}

/** Seconds or an HTTP date; null when it is neither or lies in the past. */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * second;
  if (!/[a-z]{3}/i.test(text)) return null;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) || atMs <= nowMs ? null : atMs - nowMs;
}
