import type { Clock } from "@trainyard/shared/clock.ts";
import { systemClock } from "@trainyard/shared/clock.ts";

export interface Timer {
  cancel(): void;
}

/** Wall time is only shown and stored; every deadline is counted by `monotonic`. */
export interface Time extends Clock {
  monotonic(): number;
  after(delayMs: number, run: () => void): Timer;
}

export const systemTime: Time = {
  now: () => systemClock.now(),
  monotonic: () => performance.now(),
  after: (delayMs, run) => {
    const handle = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
