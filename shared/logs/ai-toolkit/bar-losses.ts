import type { Bar } from "../bars/bar.ts";
import type { Fragment } from "../fragments.ts";
import type { LogEvent } from "./log-events.ts";
import { type OpenJob, type Reading, rememberedNans, setPhase } from "./reader-state.ts";

/**
 * Two redraws a step: the first shows the new loss with the old count n, so it belongs to index n; the second shows
 * count n + 1 with the same loss, and is left out for fast steps. So a loss that differs from the one before belongs
 * to the count beside it. An equal one is either the second redraw of the step before or a first redraw with an
 * equal loss: only when the count has moved on is it sure that this count had its own loss, and that it was equal.
 * A repaint (closing bar, after a traceback) never moves the count on, so it adds nothing.
 */
export function readJobBar(bar: Bar, fragment: Fragment, { job, events }: Reading): void {
  const moved = bar.count !== job.count || bar.total !== job.total;
  const newLoss = bar.loss !== null && !Object.is(bar.loss, job.shownLoss);
  if (moved && job.count !== null && bar.count > job.count && job.waiting !== null) {
    emitLoss(job.waiting, job, events);
  }
  if (moved) job.waiting = null;
  // A count that goes back is another run in the same file.
  if (job.count !== null && bar.count < job.count) job.shownLoss = null;

  if (moved) {
    // The closing redraw (the only one that ends in a newline at the total) shows the average of the whole run.
    const closing = bar.count >= bar.total && fragment.endedBy !== "\r";
    if (bar.stepsPerSecond !== null && !closing) job.stepsPerSecond = bar.stepsPerSecond;
    job.count = bar.count;
    job.total = bar.total;
    events.push(progressOf(bar, job.stepsPerSecond));
  }
  if (moved || newLoss) setPhase("training", job, events);
  if (bar.loss === null || bar.count >= bar.total) return;

  if (!Object.is(bar.loss, job.shownLoss)) {
    job.waiting = null;
    emitLoss({ step: bar.count, loss: bar.loss, lr: bar.lr }, job, events);
  } else if (moved) {
    job.waiting = { step: bar.count, loss: bar.loss, lr: bar.lr };
  }
  job.shownLoss = bar.loss;
}

function emitLoss(
  { step, loss, lr }: { step: number; loss: number; lr: number | null },
  job: OpenJob,
  events: LogEvent[],
): void {
  if (loss === 0 && job.nans > 0) {
    job.nans -= 1;
    events.push({ kind: "barLoss", step, loss: Number.NaN, lr });
    return;
  }
  if (loss === 0) {
    job.zeros.push(step);
    // The streams are read turn by turn, so the line comes soon or never; an old 0 was a real one.
    if (job.zeros.length > rememberedNans) job.zeros.shift();
  }
  events.push({ kind: "barLoss", step, loss, lr });
}

export function progressOf(
  bar: Bar,
  stepsPerSecond: number | null,
): Extract<LogEvent, { kind: "progress" }> {
  const { count, total, remainingSeconds } = bar;
  return {
    kind: "progress",
    currentStep: count,
    totalSteps: total,
    stepsPerSecond,
    remainingSeconds,
  };
}
