import { addSpeed, emptySpeed } from "@trainyard/shared/analysis/speed-aggregate.ts";
import type { SpeedAggregate } from "@trainyard/shared/analysis/speed-aggregate.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { sameLookMs } from "./point-rate.ts";

/** Completed steps, and when the box saw them (epoch milliseconds of the box). */
interface Mark {
  readonly step: number;
  readonly atMs: number;
}

/**
 * How fast the points came, at most about 1 KB of JSON. A box reads a trainer's points by looking again and again; all that
 * one look finds is read at nearly one time, so only the time from look to look tells a speed.
 */
export interface PointPace {
  readonly looks: number;
  /** End of the first look: what came before it includes starting and loading. Null while there is one look. */
  readonly first: Mark | null;
  /** The newest look: its last step, when it began, and when its last point was read. */
  readonly look: (Mark & { readonly readAtMs: number }) | null;
  /** Where the open span begins. */
  readonly from: Mark | null;
  /** How many times a span is as long as at first; doubles when the table is full. */
  readonly scale: number;
  /** Parallel: steps, milliseconds, and completed steps at the end of each span between looks. */
  readonly spans: Spans;
}

interface Spans {
  readonly steps: readonly number[];
  readonly ms: readonly number[];
  readonly endStep: readonly number[];
}

export const emptyPace: PointPace = {
  looks: 0,
  first: null,
  look: null,
  from: null,
  scale: 1,
  spans: { steps: [], ms: [], endStep: [] },
};

/** A span is short enough to set a pause apart from steps, and long enough that one step more or less is no other speed. */
const span = { steps: 4, ms: 2_000 };
/** What one value is made of: a step more or less is a tenth. */
const value = { steps: 10, ms: 5_000 };
/**
 * A span this many times as slow as both of its neighbours has a pause in it; as many times as fast, it began with a late
 * look. What one step more or less makes of the shortest span stays below.
 */
const apart = 1.4;
/** Two looks make one stretch of time, which may be a pause. */
const enoughLooks = 3;

/** The pace with more points; `steps` (loop index) and `atMs` are parallel. A step that is not beyond the last is left out. */
export function addToPace(
  before: PointPace,
  steps: readonly number[],
  atMs: readonly number[],
): PointPace {
  let pace = before;
  for (const [i, index] of steps.entries()) pace = addPoint(pace, index + 1, atMs[i] as number);
  return pace;
}

function addPoint(pace: PointPace, step: number, atMs: number): PointPace {
  const { look } = pace;
  const fresh = { step, atMs, readAtMs: atMs };
  if (look === null) return { ...pace, looks: 1, look: fresh };
  if (step <= look.step) return pace;
  const waitedMs = atMs - look.readAtMs;
  // The clock was set back: nothing is known across that.
  if (waitedMs < 0) return { ...pace, looks: pace.looks + 1, first: null, from: null, look: fresh };
  if (waitedMs < sameLookMs) return { ...pace, look: { ...look, step, readAtMs: atMs } };
  return { ...withLook(pace, look), looks: pace.looks + 1, look: fresh };
}

/** The look is over: it ends the open span where that is long enough. */
function withLook(pace: PointPace, { step, atMs }: Mark): PointPace {
  const end = { step, atMs };
  const { from, scale } = pace;
  if (from === null) return { ...pace, first: end, from: end };
  const [steps, ms] = [end.step - from.step, end.atMs - from.atMs];
  if (steps < span.steps * scale && ms < span.ms * scale) return pace;
  const spans = {
    steps: [...pace.spans.steps, steps],
    ms: [...pace.spans.ms, ms],
    endStep: [...pace.spans.endStep, end.step],
  };
  if (spans.steps.length <= limits.speedBlocks) return { ...pace, from: end, spans };
  return { ...pace, from: end, spans: joined(spans, 2), scale: scale * 2 };
}

function joined({ steps, ms, endStep }: Spans, size: number): Spans {
  const pairs = steps.flatMap((_, i) => (i % size === 0 ? [i] : []));
  const sum = (of: readonly number[], i: number): number =>
    of.slice(i, i + size).reduce((all, n) => all + n, 0);
  return {
    steps: pairs.map((i) => sum(steps, i)),
    ms: pairs.map((i) => sum(ms, i)),
    endStep: pairs.map((i) => endStep[Math.min(i + size, endStep.length) - 1] as number),
  };
}

/** From the first look to the last; null with one look. */
export function paceClock({ first, look }: PointPace): SpeedAggregate["wallClock"] {
  if (first === null || look === null || look.atMs <= first.atMs) return null;
  return {
    fromAtMs: first.atMs,
    fromStep: first.step,
    toAtMs: look.atMs,
    toStep: look.step,
  };
}

/**
 * The speed that the points tell, pauses left out; empty with fewer than `looks` looks. Two tell a stretch of time that may
 * be a pause, one tells nothing.
 */
export function speedOfPace(pace: PointPace, looks = enoughLooks): SpeedAggregate {
  if (pace.looks < looks) return emptySpeed;
  const { steps, ms, endStep } = withoutPauses(allSpans(pace));
  let speed = emptySpeed;
  let open = { steps: 0, ms: 0 };
  const last = steps.length - 1;
  for (const [i, end] of endStep.entries()) {
    open = { steps: open.steps + (steps[i] as number), ms: open.ms + (ms[i] as number) };
    const full = open.steps >= value.steps || open.ms >= value.ms;
    // A rest is no value of its own, unless it is all there is.
    if (!full && !(i === last && speed.count === 0)) continue;
    speed = addSpeed(speed, end, (open.steps * 1_000) / open.ms, pace.look?.atMs ?? 0);
    open = { steps: 0, ms: 0 };
  }
  return speed.count === 0 ? speed : { ...speed, source: "points", wallClock: paceClock(pace) };
}

/** The newest look and the open span included. */
function allSpans(pace: PointPace): Spans {
  const { spans, from, look } = pace;
  if (from === null || look === null || look.atMs <= from.atMs) return spans;
  return {
    steps: [...spans.steps, look.step - from.step],
    ms: [...spans.ms, look.atMs - from.atMs],
    endStep: [...spans.endStep, look.step],
  };
}

/** By the neighbours and not by the whole, so that a training which becomes slow and stays so is seen. */
function withoutPauses(spans: Spans): Spans {
  const rates = spans.steps.map((steps, i) => steps / (spans.ms[i] as number));
  const kept = rates.flatMap((rate, i) => {
    const beside = [rates[i - 1], rates[i + 1]].filter((other) => other !== undefined);
    if (beside.length === 0) return [i];
    const pause = rate * apart < Math.min(...beside);
    const late = beside.length === 2 && rate > apart * Math.max(...beside);
    return pause || late ? [] : [i];
  });
  const pick = (of: readonly number[]): number[] => kept.map((i) => of[i] as number);
  return { steps: pick(spans.steps), ms: pick(spans.ms), endStep: pick(spans.endStep) };
}
