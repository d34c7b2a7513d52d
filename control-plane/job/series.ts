import { decodeSegment } from "@trainyard/shared/analysis/series.ts";
import type { Segment } from "@trainyard/shared/analysis/series.ts";
import { toWireValue } from "@trainyard/shared/protocol/items.ts";
import type { WireValue } from "@trainyard/shared/protocol/items.ts";
import type { Store } from "../storage.ts";

export interface SeriesQuery {
  readonly key: string;
  /** First loop index wanted. */
  readonly from: number;
  readonly limit: number;
  /** Null: for each step the newest attempt that has it. */
  readonly attempt: number | null;
}

export interface SeriesPage {
  readonly key: string;
  readonly keys: readonly string[];
  readonly steps: readonly number[];
  readonly values: readonly WireValue[];
  readonly attempts: readonly number[];
  /** First step of the next page; null at the end. */
  readonly next: number | null;
}

/**
 * One key's series as columns. After a resume the steps between the checkpoint and the interruption exist twice: the
 * newest attempt is shown, the others are there when asked for by number.
 */
export function readSeries(store: Store, query: SeriesQuery): SeriesPage {
  const byStep = new Map<number, { value: number; attempt: number }>();
  const keys = new Set<string>();
  for (const { attempt, segment } of segmentsOf(store, query)) {
    for (const key of segment.values.keys()) keys.add(key);
    const column = segment.values.get(query.key);
    if (column === undefined) continue;
    for (let i = 0; i < segment.steps.length; i += 1) {
      const value = column[i];
      const step = segment.steps[i] as number;
      if (value === null || value === undefined || step < query.from) continue;
      byStep.set(step, { value, attempt });
    }
  }
  const steps = [...byStep.keys()].sort((a, b) => a - b);
  const page = steps.slice(0, query.limit);
  return {
    key: query.key,
    keys: [...keys].sort(),
    steps: page,
    values: page.map((step) => toWireValue(byStep.get(step)?.value as number)),
    attempts: page.map((step) => byStep.get(step)?.attempt as number),
    next: steps[query.limit] ?? null,
  };
}

/** Attempts in rising order, so that a later one overwrites; within one, sealed segments before the open one. */
function* segmentsOf(
  store: Store,
  query: SeriesQuery,
): Generator<{ attempt: number; segment: Segment }> {
  for (const head of store.rows(
    "SELECT attempt, segment FROM head WHERE ?1 IS NULL OR attempt = ?1 ORDER BY attempt",
    query.attempt,
  )) {
    const attempt = Number(head["attempt"]);
    for (const row of store.rows(
      "SELECT body FROM segments WHERE attempt = ? AND last_step >= ? ORDER BY number",
      attempt,
      query.from,
    )) {
      yield { attempt, segment: decodeSegment(row["body"] as ArrayBuffer) };
    }
    yield { attempt, segment: decodeSegment(head["segment"] as ArrayBuffer) };
  }
}
