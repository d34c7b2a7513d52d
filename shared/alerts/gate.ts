import { limits } from "../limits.ts";

/** What keeps one place from being flooded. Durations in milliseconds. */
export interface GateKnobs {
  /** The same fingerprint passes once in this time; 0 lets everything pass and forgets. */
  readonly dedupeWindowMs: number;
  readonly rateWindowMs: number;
  /** 0 = no limit. */
  readonly maxPerWindow: number;
}

export interface GateState {
  /** When each fingerprint last passed. A duplicate does not refresh it. */
  readonly recent: Readonly<Record<string, number>>;
  readonly windowStartMs: number | null;
  readonly windowCount: number;
}

export const freshGate: GateState = { recent: {}, windowStartMs: null, windowCount: 0 };

export type GateVerdict = "routed" | "duplicate" | "rate-limited";

/**
 * Judges alerts in their order (peers 2.15): a duplicate is dropped first, then the fixed window, which begins at its
 * first use. Alerts of one call are judged against each other as well.
 */
export function judgeAlerts(
  state: GateState,
  fingerprints: readonly string[],
  knobs: GateKnobs,
  nowMs: number,
): { readonly state: GateState; readonly verdicts: readonly GateVerdict[] } {
  const recent = new Map(
    Object.entries(state.recent).filter(([, atMs]) => nowMs - atMs < knobs.dedupeWindowMs),
  );
  let { windowStartMs, windowCount } = state;
  if (windowStartMs !== null && nowMs - windowStartMs >= knobs.rateWindowMs) {
    windowStartMs = null;
    windowCount = 0;
  }
  const verdicts = fingerprints.map((fingerprint): GateVerdict => {
    if (recent.has(fingerprint)) return "duplicate";
    if (knobs.maxPerWindow > 0 && windowCount >= knobs.maxPerWindow) return "rate-limited";
    windowStartMs ??= nowMs;
    windowCount += 1;
    if (knobs.dedupeWindowMs > 0) recent.set(fingerprint, nowMs);
    return "routed";
  });
  // A Map keeps the order of insertion, so what goes is the oldest.
  const kept = [...recent].slice(-limits.alertFingerprints);
  return { state: { recent: Object.fromEntries(kept), windowStartMs, windowCount }, verdicts };
}
