import { limits } from "../limits.ts";

/**
 * [B] rules of docs/protocol.md: full jitter, so that a deploy which drops everybody does not bring everybody back at the
 * same instant; the counter starts anew only after a session that lasted.
 */
export interface BackoffState {
  readonly failures: number;
}

export const freshBackoff: BackoffState = { failures: 0 };

export interface Disconnection {
  /** How long the session lasted after its welcome; null when it never was welcomed. */
  readonly sessionMs: number | null;
  /** WebSocket close code; 1006 when the socket just went away. */
  readonly closeCode: number;
  /** The edge said when to come back. */
  readonly retryAfterMs: number | null;
}

/** Close codes that mean "the other side was deployed or restarted". */
const restartCodes = new Set([1001, 1006, 1012]);

/** `random` is uniform in [0, 1). Returns the wait in milliseconds. */
export function nextDelay(
  state: BackoffState,
  lost: Disconnection,
  random: number,
): { readonly state: BackoffState; readonly delayMs: number } {
  const lasted = lost.sessionMs !== null && lost.sessionMs >= limits.stableSessionMs;
  const failures = lasted || (lost.sessionMs !== null && state.failures === 0) ? 0 : state.failures;
  if (lost.retryAfterMs !== null) {
    return { state: { failures: failures + 1 }, delayMs: lost.retryAfterMs };
  }
  const restarted = lost.sessionMs !== null && restartCodes.has(lost.closeCode) && failures === 0;
  const capMs = restarted
    ? limits.reconnectAfterDeployMs
    : Math.min(limits.reconnectCapMs, limits.reconnectBaseMs * 2 ** Math.min(failures, 16));
  return { state: { failures: failures + 1 }, delayMs: Math.floor(random * capMs) };
}
