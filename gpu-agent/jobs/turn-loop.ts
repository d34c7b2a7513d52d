import type { Time, Timer } from "../time.ts";

export interface TurnLoop {
  /** Without a delay: after the poll interval that holds now. */
  schedule(delayMs?: number): void;
  stop(): void;
}

/** One turn after the other, never two at once; a turn asked for earlier replaces the one that waits. */
export function createTurnLoop(
  time: Time,
  on: {
    readonly turn: () => Promise<void>;
    readonly pollMs: () => number;
    readonly onError: (error: unknown) => void;
  },
): TurnLoop {
  let timer: Timer | null = null;
  let running = false;
  let stopped = false;
  const schedule = (delayMs?: number): void => {
    if (stopped) return;
    timer?.cancel();
    timer = time.after(delayMs ?? on.pollMs(), run);
  };
  const run = (): void => {
    timer = null;
    if (running || stopped) return;
    running = true;
    on.turn()
      .catch(on.onError)
      .finally(() => {
        running = false;
        if (timer === null) schedule();
      });
  };
  return {
    schedule,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
