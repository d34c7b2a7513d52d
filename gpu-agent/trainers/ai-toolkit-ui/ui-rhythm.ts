import { limits } from "@trainyard/shared/limits.ts";
import type { Time } from "../../time.ts";

/** When the next question is due, and since when nobody answers. */
export interface UiRhythm {
  isDue(look: { readonly isWatched: boolean; readonly isUrgent: boolean }): boolean;
  answered(): void;
  /** Something was brought about, though not all: the waits begin anew. */
  progressed(): void;
  /** Sooner than the rhythm: something is about to change. */
  soon(): void;
  failed(): void;
  /** Until the next question, where that is not the rhythm's own. */
  waitMs(): number | null;
  /** Failures in a row. */
  failures(): number;
  /** Of this box's clock; null before the first answer. */
  answeredAtMs(): number | null;
  /** How long nobody has answered. */
  silentMs(): number;
}

/** Doubling waits with jitter: several jobs must not ask a server that comes back all at the same moment. */
export function createUiRhythm(time: Time, random: () => number = Math.random): UiRhythm {
  let askedAt = Number.NEGATIVE_INFINITY;
  let waitMs: number | null = null;
  let failures = 0;
  let answeredAtMs: number | null = null;
  let silentSince = time.monotonic();
  return {
    isDue({ isWatched, isUrgent }) {
      const sinceMs = time.monotonic() - askedAt;
      if (isUrgent && failures === 0) return true;
      return sinceMs >= (waitMs ?? (isWatched ? limits.uiPollWatchedMs : limits.uiPollMs));
    },
    answered() {
      askedAt = time.monotonic();
      silentSince = askedAt;
      answeredAtMs = time.now();
      waitMs = null;
      failures = 0;
    },
    progressed: () => void (failures = 0),
    soon: () => void (waitMs = limits.uiPollWatchedMs / 3),
    failed() {
      askedAt = time.monotonic();
      const cap = Math.min(limits.uiBackoffCapMs, limits.uiBackoffBaseMs * 2 ** failures);
      waitMs = cap / 2 + (random() * cap) / 2;
      failures += 1;
    },
    waitMs: () => waitMs,
    failures: () => failures,
    answeredAtMs: () => answeredAtMs,
    silentMs: () => time.monotonic() - silentSince,
  };
}
