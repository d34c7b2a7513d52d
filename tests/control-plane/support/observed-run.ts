import type { Head, Item } from "@trainyard/shared/protocol/items.ts";

/** A training as a box sees it: points come in looks, frames when a save or the clock wants one. */
export interface ObservedRun {
  readonly steps: number;
  /** Steps per second while it trains. */
  readonly speed: number;
  /** Between two looks of the box. */
  readonly lookMs?: number;
  /** Between two frames; null: one at the end. */
  readonly frameMs?: number | null;
  /** A save stops the training for this long after so many steps, and is a frame of its own. */
  readonly save?: { readonly every: number; readonly ms: number };
  /** The box reads nothing in this time of the training. */
  readonly away?: { readonly fromMs: number; readonly toMs: number };
  readonly bar?: number | null;
  readonly barPhase?: Head["phase"];
}

export interface ObservedFrame {
  readonly items: Item[];
  readonly head: Partial<Head>;
}

const beganAtMs = 1_790_000_000_000;
/** Starting and loading the model. */
const loadingMs = 9_000;

export function observe(run: ObservedRun): ObservedFrame[] {
  const { steps, speed, lookMs = 500, frameMs = null, save, away, bar = speed } = run;
  const pausedBefore = (step: number): number =>
    save === undefined ? 0 : Math.floor(step / save.every) * save.ms;
  const doneAtMs = Array.from(
    { length: steps },
    (_, step) => loadingMs + ((step + 1) * 1_000) / speed + pausedBefore(step),
  );
  const frames: ObservedFrame[] = [];
  const head = (atMs: number, done: number, change: Partial<Head>): Partial<Head> => ({
    state: "running",
    phase: "training",
    currentStep: done,
    totalSteps: steps,
    stepsPerSecond: done === 0 ? null : bar,
    observedAtMs: beganAtMs + atMs,
    ...change,
  });
  frames.push({
    items: [{ kind: "state", atMs: beganAtMs, state: "running", startStep: 0 }],
    head: head(0, 0, { phase: "loading" }),
  });
  let pending: { step: number; atMs: number }[] = [];
  let [read, sentAtMs, saves] = [0, 0, 0];
  const flush = (atMs: number, change: Partial<Head>): void => {
    const items: Item[] = [];
    if (pending.length > 0) {
      items.push({
        kind: "metrics",
        steps: pending.map(({ step }) => step),
        atMs: pending.map((point) => beganAtMs + point.atMs),
        values: { loss: pending.map(({ step }) => 0.5 - step / 10_000) },
      });
    }
    frames.push({ items, head: head(atMs, read, change) });
    pending = [];
    sentAtMs = atMs;
  };
  for (let atMs = loadingMs; read < steps; atMs += lookMs) {
    if (away !== undefined && atMs > away.fromMs + loadingMs && atMs < away.toMs + loadingMs)
      continue;
    // The points of one look: taken one after the other, a millisecond for three of them.
    for (let taken = 0; read < steps && (doneAtMs[read] as number) <= atMs; taken += 1) {
      pending.push({ step: read, atMs: atMs + Math.floor(taken / 3) });
      read += 1;
    }
    const due = frameMs !== null && atMs - sentAtMs >= frameMs;
    if (save !== undefined && Math.floor(read / save.every) > saves && read < steps) {
      saves = Math.floor(read / save.every);
      flush(atMs, { phase: "saving" });
    } else if (due && pending.length > 0 && read < steps) {
      flush(atMs, { phase: run.barPhase ?? "training" });
    }
  }
  const endMs = (doneAtMs.at(-1) as number) + 4_000;
  flush(endMs, { state: "completed", phase: "saving" });
  return frames;
}
