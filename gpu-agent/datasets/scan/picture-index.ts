import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { PictureFacts } from "@trainyard/shared/dataset/dataset-image.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { FoundFile } from "./walk.ts";

/** Raised when pictures are judged or hashed otherwise: what an older version found is looked at again. */
const version = "1";
/** Deaths in front of one picture, the second time alone: it is the picture. */
const triesMost = 2;

const schema = `
  CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pictures(
    folder TEXT NOT NULL, path TEXT NOT NULL, bytes REAL NOT NULL, modified_at_ms REAL NOT NULL, changed_at_ms REAL NOT NULL,
    problem TEXT, format TEXT, width INTEGER, height INTEGER, sha256 TEXT, look TEXT,
    PRIMARY KEY (folder, path)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS in_hand(
    folder TEXT NOT NULL, path TEXT NOT NULL, tries INTEGER NOT NULL, PRIMARY KEY (folder, path)) WITHOUT ROWID;
`;

/** What was found of each picture, by folder, path, size and times. A cache: it may be deleted at any time. */
export interface PictureIndex {
  /** Those that are unchanged since they were looked at, by path. */
  known(folder: string, files: readonly FoundFile[]): ReadonlyMap<string, PictureFacts>;
  /** Before a picture is decoded: what a crash leaves here is looked at alone next time. */
  takeInHand(folder: string, path: string): void;
  /** Deaths in front of this picture so far. */
  deaths(folder: string, path: string): number;
  keep(folder: string, file: FoundFile, facts: PictureFacts): void;
  /** Forgets files of the folder that are not there any more. */
  prune(folder: string, files: readonly FoundFile[]): void;
  /** The pictures in hand are left for a reason of our own. */
  letGo(): void;
  close(): void;
}

export function openPictureIndex(path: string): PictureIndex {
  try {
    return createIndex(new DatabaseSync(path, { timeout: 5_000 }));
  } catch {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    return createIndex(new DatabaseSync(path, { timeout: 5_000 }));
  }
}

function createIndex(database: DatabaseSync): PictureIndex {
  // Nothing is lost with it, so nothing waits for the disk.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -2048");
  database.exec(schema);
  const meta = database.prepare("SELECT value FROM meta WHERE name = 'version'").get();
  if (meta?.["value"] !== version) {
    database.exec("DELETE FROM pictures; DELETE FROM in_hand");
    database.prepare("INSERT OR REPLACE INTO meta VALUES ('version', ?)").run(version);
  }
  database.exec("UPDATE in_hand SET tries = tries + 1");
  const ofFolder = database.prepare("SELECT * FROM pictures WHERE folder = ?");
  const count = database.prepare("SELECT count(*) AS n FROM pictures");
  const keep = database.prepare(
    "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const forget = database.prepare("DELETE FROM pictures WHERE folder = ? AND path = ?");
  const take = database.prepare("INSERT OR IGNORE INTO in_hand VALUES (?, ?, 0)");
  const drop = database.prepare("DELETE FROM in_hand WHERE folder = ? AND path = ?");
  const tries = database.prepare("SELECT tries FROM in_hand WHERE folder = ? AND path = ?");
  if (Number(count.get()?.["n"] ?? 0) > limits.pictureIndexRows)
    database.exec("DELETE FROM pictures");

  return {
    known(folder, files) {
      const rows = new Map(ofFolder.all(folder).map((row) => [row["path"] as string, row]));
      const found = new Map<string, PictureFacts>();
      for (const file of files) {
        const row = rows.get(file.path);
        if (row !== undefined && isSame(row, file)) found.set(file.path, factsOf(row));
      }
      return found;
    },
    takeInHand: (folder, path) => void take.run(folder, path),
    deaths: (folder, path) => Number(tries.get(folder, path)?.["tries"] ?? 0),
    keep(folder, { path, bytes, modifiedAtMs, changedAtMs }, facts) {
      const { problem, format, width, height, sha256, look } = facts;
      keep.run(
        folder,
        path,
        bytes,
        modifiedAtMs,
        changedAtMs,
        problem,
        format,
        width,
        height,
        sha256,
        look,
      );
      drop.run(folder, path);
    },
    prune(folder, files) {
      const there = new Set(files.map(({ path }) => path));
      for (const row of ofFolder.all(folder)) {
        const path = row["path"] as string;
        if (!there.has(path)) forget.run(folder, path);
      }
    },
    letGo: () =>
      database.exec("DELETE FROM in_hand WHERE tries = 0; UPDATE in_hand SET tries = tries - 1"),
    close: () => database.close(),
  };
}

export function isHopeless(deaths: number): boolean {
  return deaths >= triesMost;
}

function isSame(row: Record<string, unknown>, file: FoundFile): boolean {
  return (
    row["bytes"] === file.bytes &&
    row["modified_at_ms"] === file.modifiedAtMs &&
    row["changed_at_ms"] === file.changedAtMs
  );
}

function factsOf(row: Record<string, unknown>): PictureFacts {
  return {
    problem: row["problem"] as PictureFacts["problem"],
    format: row["format"] as string | null,
    width: row["width"] as number | null,
    height: row["height"] as number | null,
    sha256: row["sha256"] as string | null,
    look: row["look"] as string | null,
  };
}
