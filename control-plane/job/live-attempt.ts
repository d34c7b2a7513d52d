import {
  appendMetrics,
  decodeSegment,
  emptySegment,
  encodeSegment,
} from "@trainyard/shared/analysis/series.ts";
import type { Segment } from "@trainyard/shared/analysis/series.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseNonFinite, stringifyNonFinite } from "@trainyard/shared/non-finite-json.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import { text } from "../storage.ts";
import type { Row, Store } from "../storage.ts";
import {
  addFrameSpeed,
  addItem,
  emptyAggregates,
  readAggregates,
  rebuildAggregates,
} from "./aggregates.ts";
import type { RunAggregates } from "./aggregates.ts";
import { applyHead, applyItem, newAttempt } from "./attempt-state.ts";
import type { AttemptState } from "./attempt-state.ts";

/** One attempt as its head row holds it. Changed in place: the open segment is too large to be copied for every frame. */
export interface LiveAttempt {
  acked: number;
  state: AttemptState;
  segment: Segment;
  segments: number;
  /** Null in a row of an older version, until it is needed. */
  aggregates: RunAggregates | null;
}

export function newestAttempt(store: Store): LiveAttempt | null {
  const row = store.first("SELECT * FROM head ORDER BY attempt DESC LIMIT 1");
  return row === null ? null : readRow(row);
}

/** As it is stored, or a new one that is not stored yet. */
export function attemptOf(store: Store, attempt: number): LiveAttempt {
  const row = store.first("SELECT * FROM head WHERE attempt = ?", attempt);
  if (row !== null) return readRow(row);
  return {
    acked: 0,
    state: newAttempt(attempt),
    segment: emptySegment(),
    segments: 0,
    aggregates: emptyAggregates,
  };
}

function readRow(row: Row): LiveAttempt {
  return {
    acked: Number(row["acked"]),
    state: parseNonFinite<AttemptState>(text(row, "state")),
    segment: decodeSegment(row["segment"] as ArrayBuffer),
    segments: Number(row["segments"]),
    aggregates: readAggregates(row["aggregates"]),
  };
}

/** `items[skip]` and what follows, then the head: one row, and one more for each event and each full segment. */
export function applyFrame(
  store: Store,
  live: LiveAttempt,
  frame: {
    readonly from: number;
    readonly items: readonly Item[];
    readonly skip: number;
    readonly head: Head;
    readonly nowMs: number;
  },
): void {
  const fresh = frame.items.slice(frame.skip);
  let aggregates = aggregatesOf(store, live);
  for (const [at, item] of fresh.entries()) {
    live.state = applyItem(live.state, item);
    aggregates = addItem(aggregates, item);
    if (item.kind === "metrics") {
      appendMetrics(live.segment, item, limits.metricKeys);
      if (live.segment.steps.length >= limits.segmentPoints) seal(store, live);
    } else {
      store.run(
        "INSERT OR IGNORE INTO events (attempt, seq, kind, body) VALUES (?, ?, ?, ?)",
        live.state.attempt,
        frame.from + frame.skip + at,
        item.kind,
        JSON.stringify(item),
      );
    }
  }
  live.aggregates = addFrameSpeed(aggregates, fresh, frame.head);
  live.acked = frame.from + frame.items.length - 1;
  live.state = applyHead(live.state, frame.head, frame.nowMs);
  writeHead(store, live);
}

function seal(store: Store, live: LiveAttempt): void {
  const { steps } = live.segment;
  store.run(
    "INSERT INTO segments (attempt, number, first_step, last_step, body) VALUES (?, ?, ?, ?, ?)",
    live.state.attempt,
    live.segments,
    steps[0] ?? 0,
    steps.at(-1) ?? 0,
    encodeSegment(live.segment),
  );
  live.segments += 1;
  live.segment = emptySegment();
}

export function writeHead(store: Store, live: LiveAttempt): void {
  store.run(
    `INSERT INTO head (attempt, acked, state, segment, segments, aggregates) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (attempt) DO UPDATE SET acked = excluded.acked, state = excluded.state,
       segment = excluded.segment, segments = excluded.segments, aggregates = excluded.aggregates`,
    live.state.attempt,
    live.acked,
    stringifyNonFinite(live.state),
    encodeSegment(live.segment),
    live.segments,
    live.aggregates === null ? null : JSON.stringify(live.aggregates),
  );
}

/** Those of the attempt; made from the stored series where an older version of this code wrote the row. */
export function aggregatesOf(store: Store, live: LiveAttempt): RunAggregates {
  live.aggregates ??= rebuildAggregates(store, live.state.attempt);
  return live.aggregates;
}
