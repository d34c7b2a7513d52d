import { limits } from "@trainyard/shared/limits.ts";
import type { Head } from "@trainyard/shared/protocol/items.ts";

export interface LiveHead {
  readonly head: Head;
  readonly receivedAtMs: number;
}

/**
 * The live lane's end ([L1]): who is watched until when, and the newest head of each. In memory only; after a sleep nobody
 * is watched until somebody asks again.
 */
export function createWatching(open: (jobId: string, forMs: number) => void) {
  const heads = new Map<string, LiveHead>();
  const watchedUntilMs = new Map<string, number>();
  return {
    live: (jobId: string): LiveHead | null => heads.get(jobId) ?? null,
    take: (jobId: string, head: Head, nowMs: number): void =>
      void heads.set(jobId, { head, receivedAtMs: nowMs }),
    forget(jobId: string): void {
      heads.delete(jobId);
      watchedUntilMs.delete(jobId);
    },
    watch(jobId: string, nowMs: number): void {
      const untilMs = watchedUntilMs.get(jobId) ?? 0;
      // Renewed at half time: a caller that polls every second must not cost a message every second.
      if (untilMs - nowMs > limits.watchedForMs / 2) return;
      watchedUntilMs.set(jobId, nowMs + limits.watchedForMs);
      open(jobId, limits.watchedForMs);
    },
    /** After a reconnect the box has forgotten who watches. */
    reopen(isOf: (jobId: string) => boolean, nowMs: number): void {
      for (const [jobId, untilMs] of watchedUntilMs) {
        if (untilMs > nowMs && isOf(jobId)) open(jobId, untilMs - nowMs);
      }
    },
  };
}

export type Watching = ReturnType<typeof createWatching>;
