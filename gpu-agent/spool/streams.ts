import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "@trainyard/shared/clock.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { Item, MetricsItem } from "@trainyard/shared/protocol/items.ts";
import type { Transaction } from "./database.ts";
import { gapOfMetrics, joinMetrics, lostItem } from "./metrics-items.ts";

export interface StreamKey {
  readonly jobId: string;
  readonly attempt: number;
}

export interface StreamRow extends StreamKey {
  readonly lastSeq: number;
  readonly acked: number;
}

/** The numbered items of every attempt. Whoever writes to it holds a transaction. */
export interface StreamStore {
  readonly sql: ReturnType<typeof statements>;
  readonly clock: Clock;
  /** Of all item bodies; `transaction` takes it back when one fails. */
  readonly size: { bytes: number };
  /** Highest number that was on a socket. After a restart everything in the spool counts as sent: nobody knows. */
  readonly everSent: Map<string, number>;
}

export function openStreamStore(database: DatabaseSync, clock: Clock): StreamStore {
  const sql = statements(database);
  const everSent = new Map<string, number>();
  for (const row of sql.streams.all().map(streamOf)) everSent.set(nameOf(row), row.lastSeq);
  return { sql, clock, size: { bytes: countBytes(sql) }, everSent };
}

export function findStream({ sql }: StreamStore, { jobId, attempt }: StreamKey): StreamRow | null {
  const row = sql.stream.get(jobId, attempt);
  return row === undefined ? null : streamOf(row);
}

/** Streams that hold something unacknowledged or whose attempt still lives. */
export function openStreams({ sql }: StreamStore): readonly StreamRow[] {
  return sql.streams.all().flatMap((row) => {
    const { jobId, attempt, lastSeq, acked } = streamOf(row);
    const ended = isTerminal((row["state"] as JobState | null) ?? "failed");
    return ended && acked >= lastSeq ? [] : [{ jobId, attempt, lastSeq, acked }];
  });
}

export function appendItems(store: StreamStore, key: StreamKey, items: readonly Item[]): number {
  const { sql, size } = store;
  const { jobId, attempt } = key;
  let row = findStream(store, key);
  if (row === null) {
    sql.newStream.run(jobId, attempt);
    row = { jobId, attempt, lastSeq: 0, acked: 0 };
  }
  let seq = row.lastSeq;
  for (const item of joinedToLast(store, row, items) ? items.slice(1) : items) {
    seq += 1;
    const body = JSON.stringify(item);
    size.bytes += body.length;
    sql.addItem.run(jobId, attempt, seq, item.kind, body);
  }
  if (seq !== row.lastSeq) sql.setNext.run(seq + 1, jobId, attempt);
  return seq;
}

/** Puts the first of `items` into the stream's last one, where both are metrics and the last was never on a socket. */
function joinedToLast(store: StreamStore, row: StreamRow, [first]: readonly Item[]): boolean {
  const { jobId, attempt, lastSeq } = row;
  if (first?.kind !== "metrics" || lastSeq <= (store.everSent.get(nameOf(row)) ?? 0)) return false;
  const last = store.sql.item.get(jobId, attempt, lastSeq)?.["body"] as string | undefined;
  if (last === undefined) return false;
  const before = JSON.parse(last) as Item;
  const joined = before.kind === "metrics" ? joinMetrics(before, first) : null;
  if (joined !== null) rewrite(store, { jobId, attempt, seq: lastSeq, body: last }, joined);
  return joined !== null;
}

/** The oldest metrics give way first, each replaced under its own number by a gap that says so. */
export function thinMetrics(store: StreamStore, spoolBytes: number): void {
  const { sql, size, clock } = store;
  if (size.bytes <= spoolBytes) return;
  const goal = spoolBytes * 0.9;
  for (const row of sql.largeMetrics.all(thinnedAtOnce)) {
    if (size.bytes <= goal) return;
    const stored = {
      jobId: row["job_id"] as string,
      attempt: row["attempt"] as number,
      seq: row["seq"] as number,
      body: row["body"] as string,
    };
    rewrite(store, stored, gapOfMetrics(JSON.parse(stored.body) as MetricsItem, clock.now()));
  }
}

/** Rows looked at for one thinning: the rest follows with the next commits. */
const thinnedAtOnce = 200;

function rewrite(
  { sql, size }: StreamStore,
  stored: StreamKey & { readonly seq: number; readonly body: string },
  item: Item,
): void {
  const body = JSON.stringify(item);
  size.bytes += body.length - stored.body.length;
  sql.rewrite.run(body, item.kind, stored.jobId, stored.attempt, stored.seq);
}

/** From `from` on, contiguous, up to both bounds and at least one. */
export function readItems(
  store: StreamStore,
  { jobId, attempt }: StreamKey,
  from: number,
  bounds: { readonly items: number; readonly bytes: number },
): readonly Item[] {
  const { sql, clock } = store;
  const items: Item[] = [];
  let bytes = 0;
  let expected = from;
  for (const row of sql.itemsFrom.iterate(jobId, attempt, from, bounds.items)) {
    const body = row["body"] as string;
    const seq = row["seq"] as number;
    // Acknowledged before and deleted, yet asked for again: the edge lost it, and that is said, not hidden.
    while (expected < seq && items.length < bounds.items) {
      items.push(lostItem(clock.now()));
      expected += 1;
    }
    bytes += body.length;
    if (items.length >= bounds.items || (items.length > 0 && bytes > bounds.bytes)) break;
    items.push(JSON.parse(body) as Item);
    expected = seq + 1;
  }
  const lastSeq = findStream(store, { jobId, attempt })?.lastSeq ?? 0;
  while (items.length === 0 && expected <= lastSeq) {
    for (; expected <= lastSeq && items.length < bounds.items; expected += 1) {
      items.push(lostItem(clock.now()));
    }
  }
  return items;
}

/** Items up to here were on a socket: their bodies never change again. */
export function markSent({ everSent }: StreamStore, key: StreamKey, upTo: number): void {
  const name = nameOf(key);
  if ((everSent.get(name) ?? 0) < upTo) everSent.set(name, upTo);
}

export function acknowledge(
  store: StreamStore,
  key: StreamKey,
  upTo: number,
  transaction: Transaction,
): void {
  const { sql, size, clock } = store;
  const { jobId, attempt } = key;
  const row = findStream(store, key);
  if (row === null) return;
  if (upTo > row.lastSeq) {
    // The edge knows more than this spool: it was set aside or rolled back. Numbers go on behind what is known there.
    transaction(() => {
      sql.deleteAcked.run(jobId, attempt, upTo);
      sql.setNext.run(upTo + 1, jobId, attempt);
      sql.setAcked.run(upTo, jobId, attempt);
      appendItems(store, key, [lostItem(clock.now(), "The box's spool was lost.")]);
      size.bytes = countBytes(sql);
    });
    return;
  }
  if (upTo <= row.acked) return;
  transaction(() => {
    size.bytes -= Number(sql.bytesUpTo.get(jobId, attempt, upTo)?.["bytes"] ?? 0);
    sql.deleteAcked.run(jobId, attempt, upTo);
    sql.setAcked.run(upTo, jobId, attempt);
  });
}

function statements(database: DatabaseSync) {
  const key = "job_id = ? AND attempt = ?";
  return {
    stream: database.prepare(`SELECT * FROM streams WHERE ${key}`),
    streams: database.prepare(
      "SELECT s.*, a.state FROM streams s LEFT JOIN attempts a USING (job_id, attempt) ORDER BY a.created_at_ms DESC",
    ),
    newStream: database.prepare("INSERT INTO streams VALUES (?, ?, 1, 0)"),
    setNext: database.prepare(`UPDATE streams SET next_seq = ? WHERE ${key}`),
    setAcked: database.prepare(`UPDATE streams SET acked = ? WHERE ${key}`),
    item: database.prepare(`SELECT body FROM items WHERE ${key} AND seq = ?`),
    addItem: database.prepare("INSERT INTO items VALUES (?, ?, ?, ?, ?)"),
    rewrite: database.prepare(`UPDATE items SET body = ?, kind = ? WHERE ${key} AND seq = ?`),
    itemsFrom: database.prepare(
      `SELECT seq, body FROM items WHERE ${key} AND seq >= ? ORDER BY seq LIMIT ?`,
    ),
    bytesUpTo: database.prepare(
      `SELECT sum(length(body)) AS bytes FROM items WHERE ${key} AND seq <= ?`,
    ),
    deleteAcked: database.prepare(`DELETE FROM items WHERE ${key} AND seq <= ?`),
    totalBytes: database.prepare("SELECT sum(length(body)) AS bytes FROM items"),
    largeMetrics: database.prepare(
      "SELECT * FROM items WHERE kind = 'metrics' AND length(body) > 250 ORDER BY job_id, attempt, seq LIMIT ?",
    ),
  };
}

function countBytes(sql: ReturnType<typeof statements>): number {
  return Number(sql.totalBytes.get()?.["bytes"] ?? 0);
}

function nameOf({ jobId, attempt }: StreamKey): string {
  return `${jobId}/${attempt}`;
}

function streamOf(row: Record<string, unknown>): StreamRow {
  return {
    jobId: row["job_id"] as string,
    attempt: row["attempt"] as number,
    lastSeq: (row["next_seq"] as number) - 1,
    acked: row["acked"] as number,
  };
}
