import { DatabaseSync } from "node:sqlite";

export interface HeldLock {
  release(): void;
}

/**
 * An exclusive lock that dies with its process: SQLite's own file lock, since Node has no flock. A stale lock cannot exist,
 * because the kernel drops it. Null when another process holds it.
 */
export function acquireLock(path: string): HeldLock | null {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw error;
  }
  let held = true;
  return {
    release: () => {
      if (!held) return;
      held = false;
      database.close();
    },
  };
}

/** SQLITE_BUSY (5) and SQLITE_LOCKED (6), with their extended forms in the higher bits. */
function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === "number" && ((code & 0xff) === 5 || (code & 0xff) === 6);
}
