import { chartSeries } from "@trainyard/shared/analysis/report/chart-series.ts";
import type { ChartSeries } from "@trainyard/shared/analysis/report/chart-series.ts";
import { decodeSegment } from "@trainyard/shared/analysis/series.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Store } from "../storage.ts";

export interface ThinnedSeries {
  readonly chart: ChartSeries;
  /** False: the series is so long that only evenly chosen parts of it were read. */
  readonly whole: boolean;
}

/**
 * One key over the newest attempts, thin enough for a chart. Of a long series evenly chosen segments are read, at most
 * `limits.chartSegments`, so that a chart costs the same after any number of steps. A newer attempt takes over from its
 * first step.
 */
export function thinSeries(store: Store, key: string): ThinnedSeries {
  const parts = partsOf(store);
  const chosen = evenly(parts, limits.chartSegments);
  const steps: number[] = [];
  const values: number[] = [];
  for (const part of chosen) {
    const segment = decodeSegment(bodyOf(store, part));
    const column = segment.values.get(key);
    if (column === undefined) continue;
    for (let i = 0; i < segment.steps.length; i += 1) {
      const step = segment.steps[i] as number;
      const value = column[i];
      if (value === null || value === undefined || step >= part.untilStep) continue;
      steps.push(step);
      values.push(value);
    }
  }
  return { chart: chartSeries(steps, values), whole: chosen.length === parts.length };
}

interface Part {
  readonly attempt: number;
  /** Null: the open segment, in the head row. */
  readonly number: number | null;
  /** A later attempt has this step and what follows. */
  readonly untilStep: number;
}

/** Segments of the newest attempts, oldest first, without their bodies. */
function partsOf(store: Store): Part[] {
  const parts: Part[] = [];
  let untilStep = Number.POSITIVE_INFINITY;
  for (const row of store.rows(
    "SELECT attempt, segment FROM head ORDER BY attempt DESC LIMIT ?",
    limits.factAttempts,
  )) {
    const attempt = Number(row["attempt"]);
    const sealed = store.rows(
      "SELECT number, first_step FROM segments WHERE attempt = ? ORDER BY number",
      attempt,
    );
    const open = decodeSegment(row["segment"] as ArrayBuffer).steps;
    const own = sealed.map((segment) => ({
      attempt,
      number: Number(segment["number"]),
      firstStep: Number(segment["first_step"]),
    }));
    const all = [
      ...own,
      ...(open.length === 0 ? [] : [{ attempt, number: null, firstStep: open[0] as number }]),
    ];
    const until = untilStep;
    parts.unshift(
      ...all
        .filter(({ firstStep }) => firstStep < until)
        .map(({ number }) => ({ attempt, number, untilStep: until })),
    );
    untilStep = Math.min(untilStep, all[0]?.firstStep ?? untilStep);
  }
  return parts;
}

function bodyOf(store: Store, { attempt, number }: Part): ArrayBuffer {
  const row =
    number === null
      ? store.first("SELECT segment AS body FROM head WHERE attempt = ?", attempt)
      : store.first("SELECT body FROM segments WHERE attempt = ? AND number = ?", attempt, number);
  if (row === null) throw new Error("a listed segment is gone");
  return row["body"] as ArrayBuffer;
}

/** First, last and evenly between. */
function evenly<Entry>(entries: readonly Entry[], most: number): readonly Entry[] {
  if (entries.length <= most) return entries;
  return Array.from(
    { length: most },
    (_, at) => entries[Math.round((at * (entries.length - 1)) / (most - 1))] as Entry,
  );
}
