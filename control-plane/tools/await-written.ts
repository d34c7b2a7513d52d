import type { JobEvent } from "../job/job.ts";

/** What is looked at while a trainer writes what it was asked for. */
export interface WrittenWatch {
  now(): number;
  sleep(ms: number): Promise<void>;
  /** All that came since it was asked. */
  written(): Promise<readonly JobEvent[]>;
  look(): Promise<{
    /** The job has ended, or nobody waits any more. */
    readonly isOver: boolean;
    readonly isDrawing: boolean;
  }>;
}

const lookMs = 1_000;
/** A picture takes seconds, on a slow card a minute: without the next one for so long there are fewer than prompts. */
const quietMs = 60_000;

/**
 * Waits for as many as are expected. They come one by one, and the trainer says that it draws only with its bar: the first picture alone
 * is not the answer. Answers what is there when the time is over.
 */
export async function awaitWritten(
  watch: WrittenWatch,
  { expected, untilMs }: { readonly expected: number; readonly untilMs: number },
): Promise<readonly JobEvent[]> {
  let written: readonly JobEvent[] = [];
  let grewAtMs = watch.now();
  for (;;) {
    const before = written.length;
    written = await watch.written();
    if (written.length > before) grewAtMs = watch.now();
    const { isOver, isDrawing } = await watch.look();
    const isAll = written.length >= expected || watch.now() - grewAtMs >= quietMs;
    const isDone = written.length > 0 && isAll && !isDrawing;
    if (isDone || isOver || watch.now() + lookMs > untilMs) return written;
    await watch.sleep(lookMs);
  }
}
