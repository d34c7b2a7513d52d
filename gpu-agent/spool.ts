import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import type { Clock } from "@trainyard/shared/clock.ts";
import type { StateItem, Item, MetricsItem } from "@trainyard/shared/protocol/items.ts";
import type { CallOutcome, LedgerEntry } from "@trainyard/shared/protocol/call-ledger.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Log } from "./log.ts";
import { errorFields } from "./log.ts";

export interface StreamKey {
  readonly jobId: string;
  readonly attempt: number;
}

/** What the box knows of an attempt. The columns that are objects are JSON that only this process writes. */
export interface AttemptRow extends StreamKey {
  readonly state: JobState;
  readonly spec: unknown;
  readonly process: StateItem["process"];
  readonly stop: unknown;
  readonly createdAtMs: number;
}

interface StreamRow extends StreamKey {
  readonly lastSeq: number;
  readonly acked: number;
}

export interface SpoolChange {
  readonly items?: readonly Item[];
  /** Offsets, parser state, guardrails: everything needed to go on reading exactly where these items end. */
  readonly reader?: unknown;
  readonly attempt?: Partial<Pick<AttemptRow, "state" | "process" | "stop">> | undefined;
}

export interface Spool {
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
  /** Small facts about files that are dear to compute. */
  hash(file: FileStamp): string | null;
  rememberHash(file: FileStamp, sha256: string): void;
  meta(name: string): string | null;
  setMeta(name: string, value: string): void;
  close(): void;
}

export interface CallLedger {
  entry(callId: string): LedgerEntry | null;
  begin(callId: string, argsHash: string): void;
  finish(callId: string, outcome: CallOutcome): void;
}

export interface FileStamp {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

export interface SpoolOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly spoolBytes?: number;
  /** Given back to the disk when it is full, so that the newest truth still finds room. */
  readonly reservePath?: string | null;
}

const schema = `
  CREATE TABLE IF NOT EXISTS streams(
    job_id TEXT NOT NULL, attempt INTEGER NOT NULL, next_seq INTEGER NOT NULL, acked INTEGER NOT NULL,
    PRIMARY KEY (job_id, attempt)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS items(
    job_id TEXT NOT NULL, attempt INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (job_id, attempt, seq)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS readers(
    job_id TEXT NOT NULL, attempt INTEGER NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (job_id, attempt)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS attempts(
    job_id TEXT NOT NULL, attempt INTEGER NOT NULL, state TEXT NOT NULL, spec TEXT NOT NULL, process TEXT, stop TEXT,
    created_at_ms REAL NOT NULL, PRIMARY KEY (job_id, attempt)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS calls(
    call_id TEXT PRIMARY KEY, args_hash TEXT NOT NULL, outcome TEXT, at_ms REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS hashes(
    path TEXT PRIMARY KEY, dev REAL NOT NULL, ino REAL NOT NULL, bytes REAL NOT NULL, modified_at_ms REAL NOT NULL,
    sha256 TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;

/** Opens the spool; a damaged one is set aside under another name, because a crash loop loses more than the backlog. */
export function openSpool(options: SpoolOptions): Spool {
  try {
    return createSpool(openDatabase(options.path), options);
  } catch (error) {
    if (!isDamaged(error)) throw error;
    const aside = `${options.path}.damaged-${options.clock.now()}`;
    options.log("error", "the spool is damaged and was set aside", {
      aside,
      ...errorFields(error),
    });
    for (const suffix of ["", "-wal", "-shm"]) {
      if (existsSync(options.path + suffix)) renameSync(options.path + suffix, aside + suffix);
    }
    return createSpool(openDatabase(options.path), options);
  }
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  try {
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA auto_vacuum = INCREMENTAL",
    );
    database.exec("PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -2048");
    const check = database.prepare("PRAGMA quick_check(1)").get();
    if (check?.["quick_check"] !== "ok")
      throw Object.assign(new Error("quick_check failed"), { errcode: 11 });
    database.exec(schema);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** SQLITE_CORRUPT (11) and SQLITE_NOTADB (26). */
function isDamaged(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === "number" && ((code & 0xff) === 11 || (code & 0xff) === 26);
}

/** SQLITE_FULL (13), and SQLITE_IOERR (10) which a full disk also gives. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === "number" && ((code & 0xff) === 13 || (code & 0xff) === 10);
}

function createSpool(database: DatabaseSync, options: SpoolOptions): Spool {
  const spoolBytes = options.spoolBytes ?? limits.spoolBytes;
  const reserve = options.reservePath ?? null;
  if (reserve !== null) keepReserve(reserve, options.log);
  const sql = statements(database);
  let bodyBytes = Number(sql.totalBytes.get()?.["bytes"] ?? 0);
  let ledgerRows = Number(sql.callCount.get()?.["rows"] ?? 0);
  /** Highest number that was on a socket. After a restart everything in the spool counts as sent: nobody knows. */
  const everSent = new Map<string, number>();
  const keyOf = ({ jobId, attempt }: StreamKey): string => `${jobId}/${attempt}`;

  for (const row of sql.streams.all()) everSent.set(keyOf(streamOf(row)), streamOf(row).lastSeq);

  const transaction = <Result>(run: () => Result): Result => {
    const bytesBefore = bodyBytes;
    database.exec("BEGIN IMMEDIATE");
    try {
      const result = run();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      bodyBytes = bytesBefore;
      if (database.isTransaction) database.exec("ROLLBACK");
      if (isDiskFull(error) && reserve !== null && existsSync(reserve)) {
        options.log("error", "the disk is full: the reserve is given back", {});
        rmSync(reserve, { force: true });
      }
      throw error;
    }
  };

  const stream = ({ jobId, attempt }: StreamKey): StreamRow | null => {
    const row = sql.stream.get(jobId, attempt);
    return row === undefined ? null : streamOf(row);
  };

  const append = (key: StreamKey, items: readonly Item[]): number => {
    const { jobId, attempt } = key;
    let row = stream(key);
    if (row === null) {
      sql.newStream.run(jobId, attempt);
      row = { jobId, attempt, lastSeq: 0, acked: 0 };
    }
    let seq = row.lastSeq;
    let rest = items;
    const [first] = items;
    if (first?.kind === "metrics" && seq > (everSent.get(keyOf(key)) ?? 0)) {
      const last = (sql.item.get(jobId, attempt, seq)?.["body"] as string | undefined) ?? null;
      const before = last === null ? null : (JSON.parse(last) as Item);
      const joined = before?.kind === "metrics" ? joinMetrics(before, first) : null;
      if (last !== null && joined !== null) {
        const body = JSON.stringify(joined);
        bodyBytes += body.length - last.length;
        sql.rewrite.run(body, "metrics", jobId, attempt, seq);
        rest = items.slice(1);
      }
    }
    for (const item of rest) {
      seq += 1;
      const body = JSON.stringify(item);
      bodyBytes += body.length;
      sql.addItem.run(jobId, attempt, seq, item.kind, body);
    }
    if (seq !== row.lastSeq) sql.setNext.run(seq + 1, jobId, attempt);
    return seq;
  };

  /** The oldest metrics give way first, each replaced under its own number by a gap that says so. */
  const shrink = (): void => {
    if (bodyBytes <= spoolBytes) return;
    const goal = spoolBytes * 0.9;
    for (const row of sql.largeMetrics.all(thinnedAtOnce)) {
      if (bodyBytes <= goal) return;
      const item = JSON.parse(row["body"] as string) as MetricsItem;
      const gap: Item = {
        kind: "gap",
        atMs: options.clock.now(),
        what: "metrics",
        fromStep: item.steps[0] ?? null,
        toStep: item.steps.at(-1) ?? null,
        reason: "The box's spool was full.",
      };
      const body = JSON.stringify(gap);
      bodyBytes += body.length - (row["body"] as string).length;
      sql.rewrite.run(
        body,
        "gap",
        row["job_id"] as string,
        row["attempt"] as number,
        row["seq"] as number,
      );
    }
  };

  const attemptOf = (row: Record<string, unknown>): AttemptRow => ({
    jobId: row["job_id"] as string,
    attempt: row["attempt"] as number,
    state: row["state"] as JobState,
    spec: JSON.parse(row["spec"] as string),
    process:
      row["process"] === null
        ? null
        : (JSON.parse(row["process"] as string) as StateItem["process"]),
    stop: row["stop"] === null ? null : JSON.parse(row["stop"] as string),
    createdAtMs: row["created_at_ms"] as number,
  });

  return {
    commit(key, { items = [], reader, attempt }) {
      return transaction(() => {
        const lastSeq = items.length === 0 ? (stream(key)?.lastSeq ?? 0) : append(key, items);
        if (reader !== undefined) sql.setReader.run(key.jobId, key.attempt, JSON.stringify(reader));
        if (attempt?.state !== undefined) sql.setState.run(attempt.state, key.jobId, key.attempt);
        if (attempt?.process !== undefined) {
          sql.setProcess.run(JSON.stringify(attempt.process), key.jobId, key.attempt);
        }
        if (attempt?.stop !== undefined)
          sql.setStop.run(JSON.stringify(attempt.stop), key.jobId, key.attempt);
        shrink();
        return lastSeq;
      });
    },
    createAttempt(row, items) {
      transaction(() => {
        sql.newAttempt.run(
          row.jobId,
          row.attempt,
          row.state,
          JSON.stringify(row.spec),
          row.createdAtMs,
        );
        if (items.length > 0) append(row, items);
      });
    },
    attempt({ jobId, attempt }) {
      const row = sql.attempt.get(jobId, attempt);
      return row === undefined ? null : attemptOf(row);
    },
    attempts: () => sql.attempts.all().map(attemptOf),
    attemptsOf: (jobId) => sql.attemptsOf.all(jobId).map(attemptOf),
    reader({ jobId, attempt }) {
      const row = sql.reader.get(jobId, attempt);
      return row === undefined ? null : JSON.parse(row["state"] as string);
    },
    stream,
    openStreams() {
      return sql.streams.all().flatMap((row) => {
        const { jobId, attempt, lastSeq, acked } = streamOf(row);
        const ended = isTerminal((row["state"] as JobState | null) ?? "failed");
        return ended && acked >= lastSeq ? [] : [{ jobId, attempt, lastSeq, acked }];
      });
    },
    read({ jobId, attempt }, from, bounds) {
      const items: Item[] = [];
      let bytes = 0;
      let expected = from;
      for (const row of sql.itemsFrom.iterate(jobId, attempt, from, bounds.items)) {
        const body = row["body"] as string;
        const seq = row["seq"] as number;
        // Acknowledged before and deleted, yet asked for again: the edge lost it, and that is said, not hidden.
        while (expected < seq && items.length < bounds.items) {
          items.push(lostItem(options.clock.now()));
          expected += 1;
        }
        bytes += body.length;
        if (items.length >= bounds.items || (items.length > 0 && bytes > bounds.bytes)) break;
        items.push(JSON.parse(body) as Item);
        expected = seq + 1;
      }
      const lastSeq = stream({ jobId, attempt })?.lastSeq ?? 0;
      while (items.length === 0 && expected <= lastSeq) {
        for (; expected <= lastSeq && items.length < bounds.items; expected += 1) {
          items.push(lostItem(options.clock.now()));
        }
      }
      return items;
    },
    sent(key, upTo) {
      const name = keyOf(key);
      if ((everSent.get(name) ?? 0) < upTo) everSent.set(name, upTo);
    },
    acked(key, upTo) {
      const row = stream(key);
      if (row === null) return;
      const { jobId, attempt } = key;
      if (upTo > row.lastSeq) {
        // The edge knows more than this spool: it was set aside or rolled back. Numbers go on behind what is known there.
        transaction(() => {
          sql.deleteAcked.run(jobId, attempt, upTo);
          sql.setNext.run(upTo + 1, jobId, attempt);
          sql.setAcked.run(upTo, jobId, attempt);
          append(key, [lostItem(options.clock.now(), "The box's spool was lost.")]);
          bodyBytes = Number(sql.totalBytes.get()?.["bytes"] ?? 0);
        });
        return;
      }
      if (upTo <= row.acked) return;
      transaction(() => {
        bodyBytes -= Number(sql.bytesUpTo.get(jobId, attempt, upTo)?.["bytes"] ?? 0);
        sql.deleteAcked.run(jobId, attempt, upTo);
        sql.setAcked.run(upTo, jobId, attempt);
      });
    },
    ledger: {
      entry(callId) {
        const row = sql.call.get(callId);
        if (row === undefined) return null;
        const outcome = row["outcome"] as string | null;
        return {
          argsHash: row["args_hash"] as string,
          outcome: outcome === null ? null : (JSON.parse(outcome) as CallOutcome),
        };
      },
      begin(callId, argsHash) {
        const added = sql.beginCall.run(callId, argsHash, options.clock.now()).changes;
        ledgerRows += Number(added);
        if (ledgerRows <= limits.callLedgerRows) return;
        ledgerRows -= Number(sql.pruneCalls.run(Math.ceil(limits.callLedgerRows / 10)).changes);
      },
      finish: (callId, outcome) => {
        sql.finishCall.run(JSON.stringify(outcome), callId);
      },
    },
    hash(file) {
      const row = sql.hash.get(file.path);
      if (row === undefined) return null;
      const same =
        row["dev"] === file.dev &&
        row["ino"] === file.ino &&
        row["bytes"] === file.bytes &&
        row["modified_at_ms"] === file.modifiedAtMs;
      return same ? (row["sha256"] as string) : null;
    },
    rememberHash: (file, sha256) => {
      sql.setHash.run(file.path, file.dev, file.ino, file.bytes, file.modifiedAtMs, sha256);
    },
    meta: (name) => (sql.meta.get(name)?.["value"] as string | undefined) ?? null,
    setMeta: (name, value) => {
      sql.setMeta.run(name, value);
    },
    close: () => database.close(),
  };
}

/** Rows looked at for one shrinking: the rest follows with the next commits. */
const thinnedAtOnce = 200;

function statements(database: DatabaseSync) {
  const prepare = (text: string): StatementSync => database.prepare(text);
  const key = "job_id = ? AND attempt = ?";
  return {
    stream: prepare(`SELECT * FROM streams WHERE ${key}`),
    streams: prepare(
      "SELECT s.*, a.state FROM streams s LEFT JOIN attempts a USING (job_id, attempt) ORDER BY a.created_at_ms DESC",
    ),
    newStream: prepare("INSERT INTO streams VALUES (?, ?, 1, 0)"),
    setNext: prepare(`UPDATE streams SET next_seq = ? WHERE ${key}`),
    setAcked: prepare(`UPDATE streams SET acked = ? WHERE ${key}`),
    item: prepare(`SELECT body FROM items WHERE ${key} AND seq = ?`),
    addItem: prepare("INSERT INTO items VALUES (?, ?, ?, ?, ?)"),
    rewrite: prepare(`UPDATE items SET body = ?, kind = ? WHERE ${key} AND seq = ?`),
    itemsFrom: prepare(
      `SELECT seq, body FROM items WHERE ${key} AND seq >= ? ORDER BY seq LIMIT ?`,
    ),
    bytesUpTo: prepare(`SELECT sum(length(body)) AS bytes FROM items WHERE ${key} AND seq <= ?`),
    deleteAcked: prepare(`DELETE FROM items WHERE ${key} AND seq <= ?`),
    totalBytes: prepare("SELECT sum(length(body)) AS bytes FROM items"),
    largeMetrics: prepare(
      "SELECT * FROM items WHERE kind = 'metrics' AND length(body) > 250 ORDER BY job_id, attempt, seq LIMIT ?",
    ),
    reader: prepare(`SELECT state FROM readers WHERE ${key}`),
    setReader: prepare("INSERT OR REPLACE INTO readers VALUES (?, ?, ?)"),
    attempt: prepare(`SELECT * FROM attempts WHERE ${key}`),
    attempts: prepare("SELECT * FROM attempts ORDER BY created_at_ms, job_id, attempt"),
    attemptsOf: prepare("SELECT * FROM attempts WHERE job_id = ? ORDER BY attempt"),
    newAttempt: prepare("INSERT INTO attempts VALUES (?, ?, ?, ?, NULL, NULL, ?)"),
    setState: prepare(`UPDATE attempts SET state = ? WHERE ${key}`),
    setProcess: prepare(`UPDATE attempts SET process = ? WHERE ${key}`),
    setStop: prepare(`UPDATE attempts SET stop = ? WHERE ${key}`),
    call: prepare("SELECT * FROM calls WHERE call_id = ?"),
    callCount: prepare("SELECT count(*) AS rows FROM calls"),
    beginCall: prepare("INSERT OR IGNORE INTO calls VALUES (?, ?, NULL, ?)"),
    finishCall: prepare("UPDATE calls SET outcome = ? WHERE call_id = ?"),
    pruneCalls: prepare(
      "DELETE FROM calls WHERE call_id IN (SELECT call_id FROM calls WHERE outcome IS NOT NULL ORDER BY at_ms LIMIT ?)",
    ),
    hash: prepare("SELECT * FROM hashes WHERE path = ?"),
    setHash: prepare("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?)"),
    meta: prepare("SELECT value FROM meta WHERE name = ?"),
    setMeta: prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)"),
  };
}

function streamOf(row: Record<string, unknown>): StreamRow {
  return {
    jobId: row["job_id"] as string,
    attempt: row["attempt"] as number,
    lastSeq: (row["next_seq"] as number) - 1,
    acked: row["acked"] as number,
  };
}

function lostItem(
  atMs: number,
  reason = "It was acknowledged before and is no longer on the box.",
): Item {
  return { kind: "gap", atMs, what: "metrics", fromStep: null, toStep: null, reason };
}

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

function keepReserve(path: string, log: Log): void {
  if (existsSync(path)) return;
  try {
    writeFileSync(path, Buffer.alloc(limits.reserveFileBytes), { mode: 0o600 });
  } catch (error) {
    rmSync(path, { force: true });
    log("warn", "no room for the spool's reserve", errorFields(error));
  }
}
