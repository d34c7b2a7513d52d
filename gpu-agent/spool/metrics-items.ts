import { limits } from "@trainyard/shared/limits.ts";
import type { Item, MetricsItem } from "@trainyard/shared/protocol/items.ts";

/** Points that wait unsent share one item: 25 s of steps are one row and one frame entry, not fifty. */
export function joinMetrics(before: MetricsItem, next: MetricsItem): MetricsItem | null {
  const keys = Object.keys(before.values);
  const same =
    keys.length === Object.keys(next.values).length && keys.every((key) => key in next.values);
  if (!same || before.steps.length + next.steps.length > limits.metricsItemPoints) return null;
  return {
    kind: "metrics",
    steps: [...before.steps, ...next.steps],
    atMs: [...before.atMs, ...next.atMs],
    values: Object.fromEntries(
      keys.map((key) => [key, [...(before.values[key] ?? []), ...(next.values[key] ?? [])]]),
    ),
  };
}

/** What stands under the number of metrics that gave way. */
export function gapOfMetrics({ steps }: MetricsItem, atMs: number): Item {
  return {
    kind: "gap",
    atMs,
    what: "metrics",
    fromStep: steps[0] ?? null,
    toStep: steps.at(-1) ?? null,
    reason: "The box's spool was full.",
  };
}

export function lostItem(
  atMs: number,
  reason = "It was acknowledged before and is no longer on the box.",
): Item {
  return { kind: "gap", atMs, what: "metrics", fromStep: null, toStep: null, reason };
}
