import { createMiddleware } from "hono/factory";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Env, RateLimit } from "../env.ts";
import { clientOf } from "./client-address.ts";
import type { Door } from "./door.ts";
import { createRequestCounter } from "./request-counter.ts";
import type { RequestCounter } from "./request-counter.ts";

/**
 * Of one isolate. Cloudflare runs several, so there it is a brake and not an account; a shared one would cost an object a
 * request for each request that it may refuse.
 */
const counters = new WeakMap<Env, RequestCounter>();

/** Before the token is looked at: guessing tokens is counted too. */
export const rateLimit = createMiddleware<Door>(async (c, next) => {
  const { rateLimit: limit, connection } = c.get("settings");
  if (limit !== null && isCounted(c.req.path)) {
    const client = clientOf(c.req.raw.headers, connection);
    const waitMs = counterFor(c.env, limit).take(client, Date.now());
    if (waitMs !== null) throw tooMany(limit, Math.max(1, Math.ceil(waitMs / 1_000)));
  }
  await next();
});

/** A monitor behind a busy address must see the truth; a signed link allows thousands of parts and is checked by itself. */
function isCounted(path: string): boolean {
  return path !== "/health" && !path.startsWith("/files/");
}

function counterFor(env: Env, limit: RateLimit): RequestCounter {
  let counter = counters.get(env);
  if (counter === undefined) {
    counter = createRequestCounter(limit, limits.rateLimitClients);
    counters.set(env, counter);
  }
  return counter;
}

function tooMany({ maxRequests, windowMs }: RateLimit, seconds: number): AppError {
  return new AppError("RATE_LIMITED", "Too many requests from this address.", {
    hint: `Call again in ${seconds} s. watch-training-timeseries waits for news in one call.`,
    details: {
      retry_after_seconds: seconds,
      window_seconds: windowMs / 1_000,
      max_requests: maxRequests,
    },
  });
}
