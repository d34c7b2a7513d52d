import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "@trainyard/shared/clock.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Log } from "../log.ts";
import { errorFields } from "../log.ts";

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

/** Runs `open` on the database; a damaged one is set aside under another name and a fresh one takes its place. */
export function openSetAside<Result>(
  file: { readonly path: string; readonly clock: Clock; readonly log: Log },
  open: (database: DatabaseSync) => Result,
): Result {
  const { path, clock, log } = file;
  try {
    return open(openDatabase(path));
  } catch (error) {
    if (!isDamaged(error)) throw error;
    const aside = `${path}.damaged-${clock.now()}`;
    log("error", "the spool is damaged and was set aside", { aside, ...errorFields(error) });
    for (const suffix of ["", "-wal", "-shm"]) {
      if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
    }
    return open(openDatabase(path));
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

export type Transaction = <Result>(run: () => Result) => Result;

/** `size` is taken back with what it counted. */
export function createTransaction(
  database: DatabaseSync,
  size: { bytes: number },
  { reserve, log }: { readonly reserve: string | null; readonly log: Log },
): Transaction {
  return (run) => {
    const bytesBefore = size.bytes;
    database.exec("BEGIN IMMEDIATE");
    try {
      const result = run();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      size.bytes = bytesBefore;
      if (database.isTransaction) database.exec("ROLLBACK");
      if (isDiskFull(error) && reserve !== null && existsSync(reserve)) {
        log("error", "the disk is full: the reserve is given back", {});
        rmSync(reserve, { force: true });
      }
      throw error;
    }
  };
}

export function keepReserve(path: string, log: Log): void {
  if (existsSync(path)) return;
  try {
    writeFileSync(path, Buffer.alloc(limits.reserveFileBytes), { mode: 0o600 });
  } catch (error) {
    rmSync(path, { force: true });
    log("warn", "no room for the spool's reserve", errorFields(error));
  }
}
