import { limits } from "@trainyard/shared/limits.ts";
import { publicMetricKey } from "../../jobs/metrics-db.ts";
import type { MetricRow } from "../../jobs/metrics-db.ts";
import type { UiLossAnswer } from "./ui-rows.ts";

/** The key under which the toolkit logs the loss; the route's own default, `loss`, matches nothing (UILogger at 27a03a91). */
export const lossKey = "loss/loss";

/** The loss first: whatever stands under the other keys, asked for later, reaches at least as far. */
export function keysToAsk(keys: readonly string[]): readonly string[] {
  const others = keys.filter(
    (key) => key !== lossKey && key.length > 0 && key.length <= limits.metricKeyCharacters,
  );
  return [lossKey, ...others].slice(0, limits.metricKeys);
}

export interface MergedLosses {
  readonly rows: readonly MetricRow[];
  /** The newest step, kept back because other values of it may still be on their way; null when none is. */
  readonly held: number | null;
  /** An answer was cut at its end: there is more to ask for at once, behind `reach`. */
  readonly more: boolean;
  /** Every step up to here is in the answers. */
  readonly reach: number;
}

/**
 * Rows of all keys together, in the order in which they were asked for, above step `after`. Every answer is of another moment and
 * may be cut at its end, so only steps that all of them reach are given: the rest comes with the next question. `sinceWall`
 * leaves out an earlier run's rows, seconds of the trainer's clock.
 */
export function mergeLosses(
  answers: readonly UiLossAnswer[],
  options: {
    readonly held: number | null;
    readonly final: boolean;
    readonly sinceWall: number | null;
  },
): MergedLosses {
  const { held, final, sinceWall } = options;
  const cut = answers.filter(({ points }) => points.length >= limits.uiLossPoints);
  const more = cut.length > 0;
  const reach = Math.min(
    ...cut.map(lastStep),
    final ? Number.POSITIVE_INFINITY : leaderReach(answers),
  );
  const values = new Map<number, Map<string, number>>();
  const walls = new Map<number, number>();
  for (const { key, points } of answers) {
    const name = publicMetricKey(key);
    for (const { step, wall_time, value } of points) {
      if (!Number.isSafeInteger(step) || step < 0 || step > reach) continue;
      if (sinceWall !== null && (wall_time === null || wall_time <= sinceWall)) continue;
      // What is not a number cannot stand in JSON. Under other keys it may be a text.
      if (value === null && name !== "loss" && name !== "lr") continue;
      const row = values.get(step) ?? new Map<string, number>();
      row.set(name, value ?? Number.NaN);
      values.set(step, row);
      if (wall_time !== null) walls.set(step, wall_time);
    }
  }
  const steps = [...values.keys()].sort((a, b) => a - b);
  const newest = steps.at(-1) ?? null;
  const settled = newest === null || final || more || newest === held;
  const shown = settled ? steps : steps.slice(0, -1);
  return {
    rows: shown.map((step) => ({
      step,
      values: values.get(step) ?? new Map<string, number>(),
      ...(walls.has(step) ? { wallSeconds: walls.get(step) as number } : {}),
    })),
    held: settled ? null : newest,
    more,
    reach,
  };
}

function lastStep({ points }: UiLossAnswer): number {
  return points.at(-1)?.step ?? -1;
}

/** The loss, which was asked for first, leads even where it has nothing yet; where it is not logged another key does. */
function leaderReach(answers: readonly UiLossAnswer[]): number {
  const [first] = answers;
  if (first?.keys.includes(lossKey) === true) return lastStep(first);
  const leader = answers.find(({ points }) => points.length > 0);
  return leader === undefined ? -1 : lastStep(leader);
}
