import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "@trainyard/shared/clock.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import type { Log } from "./log.ts";
import { createAttemptStore } from "./spool/attempts.ts";
import type { AttemptRow } from "./spool/attempts.ts";
import { createCallLedger } from "./spool/call-ledger.ts";
import type { CallLedger } from "./spool/call-ledger.ts";
import { createTransaction, keepReserve, openSetAside } from "./spool/database.ts";
import { createSmallFacts } from "./spool/small-facts.ts";
import type { SmallFacts } from "./spool/small-facts.ts";
import {
  acknowledge,
  appendItems,
  findStream,
  markSent,
  openStreams,
  openStreamStore,
  readItems,
  thinMetrics,
} from "./spool/streams.ts";
import type { StreamKey, StreamRow } from "./spool/streams.ts";

export type { AttemptRow } from "./spool/attempts.ts";
export type { CallLedger } from "./spool/call-ledger.ts";
export type { FileStamp } from "./spool/small-facts.ts";
export type { StreamKey } from "./spool/streams.ts";

export interface SpoolChange {
  readonly items?: readonly Item[];
  /** Offsets, parser state, guardrails: everything needed to go on reading exactly where these items end. */
  readonly reader?: unknown;
  readonly attempt?: Partial<Pick<AttemptRow, "state" | "process" | "stop">> | undefined;
}

export interface Spool extends SmallFacts {
  /** THE rule: new items, offsets and parser state become durable together or not at all. Returns the last number. */
  commit(key: StreamKey, change: SpoolChange): number;
  createAttempt(row: Omit<AttemptRow, "process" | "stop">, items: readonly Item[]): void;
  attempt(key: StreamKey): AttemptRow | null;
  attempts(): readonly AttemptRow[];
  attemptsOf(jobId: string): readonly AttemptRow[];
  reader(key: StreamKey): unknown;
  stream(key: StreamKey): StreamRow | null;
  /** Streams that hold something unacknowledged or whose attempt still lives. */
  openStreams(): readonly StreamRow[];
  /** From `from` on, contiguous, up to both bounds and at least one. */
  read(key: StreamKey, from: number, bounds: { items: number; bytes: number }): readonly Item[];
  /** Items up to here were on a socket: their bodies never change again. */
  sent(key: StreamKey, upTo: number): void;
  acked(key: StreamKey, upTo: number): void;
  ledger: CallLedger;
  close(): void;
}

export interface SpoolOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly spoolBytes?: number;
  /** Given back to the disk when it is full, so that the newest truth still finds room. */
  readonly reservePath?: string | null;
}

/** Opens the spool; a damaged one is set aside under another name, because a crash loop loses more than the backlog. */
export function openSpool(options: SpoolOptions): Spool {
  return openSetAside(options, (database) => createSpool(database, options));
}

function createSpool(database: DatabaseSync, options: SpoolOptions): Spool {
  const { clock, log, spoolBytes = limits.spoolBytes, reservePath: reserve = null } = options;
  if (reserve !== null) keepReserve(reserve, log);
  const streams = openStreamStore(database, clock);
  const attempts = createAttemptStore(database);
  const transaction = createTransaction(database, streams.size, { reserve, log });
  return {
    commit: (key, { items = [], reader, attempt }) =>
      transaction(() => {
        const lastSeq =
          items.length === 0
            ? (findStream(streams, key)?.lastSeq ?? 0)
            : appendItems(streams, key, items);
        if (reader !== undefined) attempts.setReader(key, reader);
        attempts.update(key, attempt);
        thinMetrics(streams, spoolBytes);
        return lastSeq;
      }),
    createAttempt: (row, items) =>
      transaction(() => {
        attempts.create(row);
        if (items.length > 0) appendItems(streams, row, items);
      }),
    attempt: (key) => attempts.one(key),
    attempts: () => attempts.all(),
    attemptsOf: (jobId) => attempts.ofJob(jobId),
    reader: (key) => attempts.reader(key),
    stream: (key) => findStream(streams, key),
    openStreams: () => openStreams(streams),
    read: (key, from, bounds) => readItems(streams, key, from, bounds),
    sent: (key, upTo) => markSent(streams, key, upTo),
    acked: (key, upTo) => acknowledge(streams, key, upTo, transaction),
    ledger: createCallLedger(database, clock),
    ...createSmallFacts(database),
    close: () => database.close(),
  };
}
