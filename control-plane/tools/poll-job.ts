import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type * as hub from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext } from "./context.ts";
import { jobNow } from "./job-now.ts";
import { sentence } from "./job-sentence.ts";

export interface PolledPoint<Look = null> {
  readonly view: hub.JobView;
  readonly atMs: number;
  /** What `look` saw at this point; missing or null without one. */
  readonly look?: Look | null;
}

type PollEnd = "terminal" | "window" | "deadline" | "gone";

export interface Polled<Look = null> {
  readonly points: readonly PolledPoint<Look>[];
  readonly end: PollEnd;
}

/** Left for the answer itself to be made and sent before the caller's time is over. */
const marginMs = 1_500;
/** An end is noticed sooner than at the next point: a caller waits for it. */
const lookMs = 2_000;

/**
 * Points of a job at an interval until it ends, the window closes, or this call must answer. Watching keeps the box's live
 * lane open; what is watched goes on when the watching ends.
 */
export async function pollJob<Look = null>(
  jobId: string,
  wish: {
    readonly firstAtMs: number;
    readonly untilMs: number;
    readonly intervalMs: number;
    readonly stopOnTerminal: boolean;
    /** Asked at every point, and at no other look. */
    readonly look?: (view: hub.JobView) => Promise<Look>;
  },
  context: EdgeContext,
): Promise<Polled<Look>> {
  const startMs = context.now();
  const answerByMs = context.deadlineAtMs - marginMs;
  const points: PolledPoint<Look>[] = [];
  let nextPointMs = wish.firstAtMs;
  for (;;) {
    const view = unwrap(await context.hub.viewJob(jobId, true));
    const now = context.now();
    const ended = isTerminal(view.summary.state) && wish.stopOnTerminal;
    const last = points.at(-1);
    if (
      now >= nextPointMs ||
      ended ||
      (last !== undefined && jobNow(last.view).state !== jobNow(view).state)
    ) {
      points.push(await pointAt(view, now));
      // By plan, not by when this look happened: lateness must not add up and cost the window its last point.
      while (nextPointMs <= now) nextPointMs += wish.intervalMs;
      await context.progress({
        done: Math.round((now - startMs) / 1_000) + 1,
        total: null,
        message: sentence(view),
      });
    }
    if (ended) return { points, end: "terminal" };
    if (context.signal.aborted) return { points, end: "gone" };
    if (now >= wish.untilMs) return close("window", view, now);
    const waitUntil = Math.min(now + lookMs, nextPointMs, wish.untilMs);
    if (waitUntil > answerByMs) return close("deadline", view, now);
    await context.sleep(Math.max(50, waitUntil - now));
  }

  /** The last look is always a point: an answer without one would say nothing. */
  async function close(end: PollEnd, view: hub.JobView, atMs: number): Promise<Polled<Look>> {
    if (points.length === 0) points.push(await pointAt(view, atMs));
    return { points, end };
  }

  async function pointAt(view: hub.JobView, atMs: number): Promise<PolledPoint<Look>> {
    return { view, atMs, look: (await wish.look?.(view)) ?? null };
  }
}
