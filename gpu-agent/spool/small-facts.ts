import type { DatabaseSync } from "node:sqlite";

export interface FileStamp {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

export interface SmallFacts {
  /** Null unless exactly this file, unchanged, was hashed before. */
  hash(file: FileStamp): string | null;
  rememberHash(file: FileStamp, sha256: string): void;
  meta(name: string): string | null;
  setMeta(name: string, value: string): void;
}

/** Facts about files that are dear to compute, and single values by name. */
export function createSmallFacts(database: DatabaseSync): SmallFacts {
  const hash = database.prepare("SELECT * FROM hashes WHERE path = ?");
  const setHash = database.prepare("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?)");
  const meta = database.prepare("SELECT value FROM meta WHERE name = ?");
  const setMeta = database.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
  return {
    hash(file) {
      const row = hash.get(file.path);
      if (row === undefined) return null;
      const same =
        row["dev"] === file.dev &&
        row["ino"] === file.ino &&
        row["bytes"] === file.bytes &&
        row["modified_at_ms"] === file.modifiedAtMs;
      return same ? (row["sha256"] as string) : null;
    },
    rememberHash: (file, sha256) => {
      setHash.run(file.path, file.dev, file.ino, file.bytes, file.modifiedAtMs, sha256);
    },
    meta: (name) => (meta.get(name)?.["value"] as string | undefined) ?? null,
    setMeta: (name, value) => {
      setMeta.run(name, value);
    },
  };
}
