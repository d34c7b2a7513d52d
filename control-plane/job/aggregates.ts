import { addLosses, emptyLoss } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import type { LossAggregate } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import type { AlertFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { addSpeed, emptySpeed } from "@trainyard/shared/analysis/speed-aggregate.ts";
import type { SpeedAggregate } from "@trainyard/shared/analysis/speed-aggregate.ts";
import { decodeSegment } from "@trainyard/shared/analysis/series.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { fromWireValue } from "@trainyard/shared/protocol/items.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";
import { addToPace, emptyPace, paceClock, speedOfPace } from "./point-pace.ts";
import type { PointPace } from "./point-pace.ts";
import { stepWeightedRate } from "./point-rate.ts";

/**
 * What judging needs of one attempt, kept beside its head and written in the same row: bounded (about 25 KB of JSON at most),
 * whatever the number of steps. Every number is finite, so it is plain JSON.
 */
export interface RunAggregates {
  /** 1 had no pace of the points. */
  readonly version: 2;
  readonly loss: LossAggregate;
  /** Null while the trainer wrote no validation loss. */
  readonly validation: LossAggregate | null;
  /** By the bar, of the frames that came while the trainer trained; a short job may have none. `speedOf` is the run's. */
  readonly speed: SpeedAggregate;
  readonly pace: PointPace;
  /** The bar's newest rate, whatever the trainer did when the frame came. */
  readonly reported: Reported | null;
  /** Batches skipped for want of memory and survived, as the guardrail on the box counted them. */
  readonly oomSkipped: number;
  /** Newest last, at most `limits.factAlerts`. */
  readonly alerts: readonly AlertFacts[];
}

interface Reported {
  readonly step: number;
  readonly stepsPerSecond: number;
  readonly atMs: number;
}

export const emptyAggregates: RunAggregates = {
  version: 2,
  loss: emptyLoss,
  validation: null,
  speed: emptySpeed,
  pace: emptyPace,
  reported: null,
  oomSkipped: 0,
  alerts: [],
};

/** Names under which trainers write the loss of a validation set (Hugging Face, MLX, kohya). The first one found counts. */
const validationKeys = ["validation_loss", "val_loss", "eval_loss", "loss/validation"];

export function addItem(before: RunAggregates, item: Item): RunAggregates {
  if (item.kind === "metrics") {
    const paced = { ...before, pace: addToPace(before.pace, item.steps, item.atMs) };
    return addPoints(paced, item.steps, (key) => item.values[key]?.map(fromWireValue));
  }
  return item.kind === "alert" ? addAlert(before, item) : before;
}

function addPoints(
  before: RunAggregates,
  steps: readonly number[],
  column: (key: string) => readonly (number | null)[] | undefined,
): RunAggregates {
  const losses = column("loss");
  const validation = validationKeys.map(column).find((values) => values !== undefined);
  if (losses === undefined && validation === undefined) return before;
  return {
    ...before,
    loss: losses === undefined ? before.loss : addLosses(before.loss, steps, losses),
    validation:
      validation === undefined
        ? before.validation
        : addLosses(before.validation ?? emptyLoss, steps, validation),
  };
}

function addAlert(before: RunAggregates, item: Extract<Item, { kind: "alert" }>): RunAggregates {
  const { code, severity, category, message, step, atMs, guardrail } = item;
  const survived = item.evidence["survived_batches"] ?? item.evidence["oom_count"];
  const oom = code === "TRAINING_REPEATED_OOM" && typeof survived === "number" ? survived : 0;
  return {
    ...before,
    oomSkipped: Math.max(before.oomSkipped, oom),
    alerts: [...before.alerts, { code, severity, category, message, step, atMs, guardrail }].slice(
      -limits.factAlerts,
    ),
  };
}

/**
 * The speed of one frame. The bar's own rate, and only while the trainer trains: what sampling and saving take is not a slow
 * step. A head that runs far ahead of its items (a catch-up after hours without a connection) says nothing about them; then
 * the times of the points do.
 */
export function addFrameSpeed(
  before: RunAggregates,
  items: readonly Item[],
  head: Head,
): RunAggregates {
  const metrics = items.filter((item) => item.kind === "metrics");
  const lastPoint = metrics.at(-1)?.steps.at(-1) ?? before.loss.lastStep;
  const ahead = lastPoint === null ? 0 : (head.currentStep ?? 0) - lastPoint;
  if (ahead <= limits.metricsItemPoints) {
    // A trainer that tells no phase is taken at its word while it runs.
    const training = head.phase === null ? head.state === "running" : head.phase === "training";
    const { currentStep, stepsPerSecond, observedAtMs } = head;
    // Without a point there is no step that the bar could have timed.
    const known = stepsPerSecond !== null && currentStep !== null && lastPoint !== null;
    const reported = known
      ? { step: currentStep, stepsPerSecond, atMs: observedAtMs }
      : before.reported;
    const { speed } = before;
    return {
      ...before,
      reported,
      speed: training ? addSpeed(speed, currentStep, stepsPerSecond, observedAtMs) : speed,
    };
  }
  let { speed } = before;
  for (const { steps, atMs } of metrics) speed = addPointSpeed(speed, steps, atMs);
  return { ...before, speed };
}

function addPointSpeed(
  speed: SpeedAggregate,
  steps: readonly number[],
  atMs: readonly number[],
): SpeedAggregate {
  const last = steps.length - 1;
  const rate = stepWeightedRate(steps, atMs);
  return addSpeed(speed, (steps[last] ?? 0) + 1, rate, atMs[last] ?? 0);
}

/**
 * Fewer values of the bar are those of a short job (some eight minutes, a minute while somebody watches): its rate is a
 * running mean, in which the first, slow steps and each pause then weigh.
 */
const leastFrames = 20;

/**
 * The speed of the attempt: the bar's where enough frames came while the trainer trained, else that of the points' own
 * times, else what little the bar said. A frame comes every 25 seconds, or with a save, so a short job has few or none.
 */
export function speedOf({ speed, pace, reported }: RunAggregates): SpeedAggregate {
  const wallClock = paceClock(pace) ?? speed.wallClock;
  if (speed.count >= leastFrames) return { ...speed, wallClock };
  const paced = speedOfPace(pace);
  if (paced.count > 0) return paced;
  if (speed.count > 0) return { ...speed, wallClock };
  if (reported === null) return speedOfPace(pace, 2);
  const told = addSpeed(emptySpeed, reported.step, reported.stepsPerSecond, reported.atMs);
  return told.count === 0 ? speedOfPace(pace, 2) : { ...told, wallClock };
}

/**
 * The same from what is stored, for a Job that an older version wrote. Once per attempt: it reads every segment. The bar's
 * rate was never stored, so the speed is that of the points.
 */
export function rebuildAggregates(store: Store, attempt: number): RunAggregates {
  let aggregates = emptyAggregates;
  for (const body of segmentBodies(store, attempt)) {
    const { steps, atMs, values } = decodeSegment(body);
    const paced = { ...aggregates, pace: addToPace(aggregates.pace, steps, atMs) };
    aggregates = addPoints(paced, steps, (key) => values.get(key));
    let { speed } = aggregates;
    for (let from = 0; from < steps.length; from += limits.metricsItemPoints) {
      const to = from + limits.metricsItemPoints;
      speed = addPointSpeed(speed, steps.slice(from, to), atMs.slice(from, to));
    }
    aggregates = { ...aggregates, speed };
  }
  for (const row of store.rows(
    "SELECT body FROM events WHERE attempt = ? AND kind = 'alert' ORDER BY seq",
    attempt,
  )) {
    aggregates = addItem(aggregates, JSON.parse(text(row, "body")) as Item);
  }
  return aggregates;
}

/** One at a time: a long job's segments together do not fit into memory. */
function* segmentBodies(store: Store, attempt: number): Generator<ArrayBuffer> {
  const head = store.first("SELECT segment, segments FROM head WHERE attempt = ?", attempt);
  if (head === null) return;
  for (let number = 0; number < Number(head["segments"]); number += 1) {
    const row = store.first(
      "SELECT body FROM segments WHERE attempt = ? AND number = ?",
      attempt,
      number,
    );
    if (row !== null) yield row["body"] as ArrayBuffer;
  }
  yield head["segment"] as ArrayBuffer;
}

/** Null where there is none, or one of another layout: it is then made anew from the series. */
export function readAggregates(column: unknown): RunAggregates | null {
  if (typeof column !== "string") return null;
  const found = JSON.parse(column) as RunAggregates;
  const { version, loss, speed } = emptyAggregates;
  return found.version === version &&
    found.loss.version === loss.version &&
    found.speed.version === speed.version
    ? found
    : null;
}
