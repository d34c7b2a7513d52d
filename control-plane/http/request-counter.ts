import type { RateLimit } from "../env.ts";

interface Count {
  /** Number of the window that `current` is of. */
  window: number;
  current: number;
  previous: number;
}

export interface RequestCounter {
  /** null: counted, go on. Else refused, not counted, and the milliseconds until this client would be let through. */
  take(client: string, nowMs: number): number | null;
  /** Clients that are remembered. */
  size(): number;
}

/**
 * At most `maxRequests` in any window of a client, as a sliding window of two counters: the last window's requests are taken
 * as spread evenly over it. A fixed window would let twice as many through around its edge. Memory is bounded by
 * `maxClients`; the client that was silent longest is forgotten first.
 */
export function createRequestCounter(
  { maxRequests, windowMs }: RateLimit,
  maxClients: number,
): RequestCounter {
  const counts = new Map<string, Count>();

  function countOf(client: string, window: number): Count {
    const known = counts.get(client);
    // Taken out and put back: the order of a Map is the order of insertion.
    counts.delete(client);
    let count: Count = known ?? { window, current: 0, previous: 0 };
    // A clock that was set back must not give a new window.
    if (window > count.window) {
      const previous = window === count.window + 1 ? count.current : 0;
      count = { window, current: 0, previous };
    }
    counts.set(client, count);
    const oldest = counts.keys().next().value;
    if (counts.size > maxClients && oldest !== undefined) counts.delete(oldest);
    return count;
  }

  return {
    size: () => counts.size,
    take(client, nowMs) {
      const count = countOf(client, Math.floor(nowMs / windowMs));
      // Whole milliseconds and no fractions of a window: a wait that was promised must be enough.
      const passed = nowMs % windowMs;
      const room = maxRequests - 1 - count.current;
      if (count.previous * (windowMs - passed) <= room * windowMs) {
        count.current += 1;
        return null;
      }
      // The older counter fades until there is room; a full current one must first become the older.
      return room >= 0
        ? windowMs - Math.floor((room * windowMs) / count.previous) - passed
        : windowMs - passed + Math.ceil(windowMs / maxRequests);
    },
  };
}
