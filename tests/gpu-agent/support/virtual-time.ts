import type { Time } from "../../../gpu-agent/time.ts";

export interface VirtualTime extends Time {
  /** Runs everything due on the way, in order; lets promises settle in between. */
  advance(ms: number): Promise<void>;
  pending(): number;
  /** Milliseconds to the nearest timer; null without one. */
  nextIn(): number | null;
}

export function virtualTime(): VirtualTime {
  let now = 0;
  let timers: { atMs: number; run: () => void }[] = [];
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i += 1) await Promise.resolve();
  };
  return {
    now: () => 1_700_000_000_000 + now,
    monotonic: () => now,
    after(delayMs, run) {
      const timer = { atMs: now + Math.max(0, delayMs), run };
      timers.push(timer);
      return { cancel: () => (timers = timers.filter((one) => one !== timer)) };
    },
    async advance(ms) {
      const goal = now + ms;
      await settle();
      for (;;) {
        const next = timers
          .filter((timer) => timer.atMs <= goal)
          .sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        timers = timers.filter((timer) => timer !== next);
        now = Math.max(now, next.atMs);
        next.run();
        await settle();
      }
      now = goal;
      await settle();
    },
    pending: () => timers.length,
    nextIn: () => (timers.length === 0 ? null : Math.min(...timers.map(({ atMs }) => atMs)) - now),
  };
}
