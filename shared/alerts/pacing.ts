import { limits } from "../limits.ts";

/**
 * What is remembered of an endpoint that failed; a healthy one has no state. After an outage everything that waited comes
 * at one request a second, so that a receiver which just came back is not knocked over (reliability 2.12).
 */
export interface EndpointState {
  readonly failingSinceMs: number | null;
  readonly lastRequestAtMs: number;
}

/** When the next request to the endpoint may go out. */
export function mayRequestAtMs(state: EndpointState | null): number {
  return state === null ? 0 : state.lastRequestAtMs + limits.pacedRequestMs;
}

/** Null: healthy again. `backlog` says whether anything still waits for this endpoint. */
export function afterAttempt(
  state: EndpointState | null,
  succeeded: boolean,
  backlog: boolean,
  startedAtMs: number,
  nowMs: number,
): EndpointState | null {
  if (!succeeded) {
    return { failingSinceMs: state?.failingSinceMs ?? nowMs, lastRequestAtMs: startedAtMs };
  }
  if (state === null || !backlog) return null;
  return { failingSinceMs: null, lastRequestAtMs: startedAtMs };
}

/** The first success after failures: what waits for hours on its schedule may come now. */
export function endsOutage(state: EndpointState | null, succeeded: boolean): boolean {
  return succeeded && state !== null && state.failingSinceMs !== null;
}
