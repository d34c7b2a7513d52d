const firstMs = 500;
const mostMs = 15_000;

const wakers = new Set<() => void>();

/** Ends every wait at once: the phone woke, or the line is back. */
export function wake(): void {
  for (const waker of wakers) waker();
}

/** Waits between tries, longer with each that fails. It never gives up: the page is open, and a person looks at it. */
export function createPatience(signal: AbortSignal) {
  let failures = 0;
  return {
    progressed(): void {
      failures = 0;
    },
    async failed(): Promise<void> {
      const most = Math.min(mostMs, firstMs * 2 ** failures);
      failures += 1;
      await pause(most / 2 + (Math.random() * most) / 2, signal);
    },
  };
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => (): void => {
      clearTimeout(timer);
      wakers.delete(waker);
      signal.removeEventListener("abort", leave);
      settle();
    };
    const waker = end(resolve);
    const leave = end(() => reject(signal.reason as Error));
    const timer = setTimeout(waker, ms);
    wakers.add(waker);
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
  });
}
