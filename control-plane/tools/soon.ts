import { AppError } from "@trainyard/shared/errors.ts";

/** An answer that is worth waiting for only so long; TOOL_TIMEOUT after that. The work itself goes on. */
export async function soon<Value>(work: Promise<Value>, waitMs: number): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new AppError("TOOL_TIMEOUT", "The box did not answer in time.")),
      waitMs,
    );
  });
  // Whoever waits no longer must not be told by an unhandled rejection.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}
