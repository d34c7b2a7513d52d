import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { canonicalJson } from "@trainyard/shared/canonical-json.ts";
import { text } from "../storage.ts";
import type { Row, Store } from "../storage.ts";

export interface StoredConfig {
  readonly name: string;
  readonly document: Readonly<Record<string, unknown>>;
  /** What lists show without parsing the document. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly updatedAtMs: number;
}

interface TrashedConfig {
  readonly name: string;
  readonly deletedAtMs: number;
}

export interface Deleted {
  readonly name: string;
  /** It was in the trash already. */
  readonly before: boolean;
  /** The newest of that name in the trash; null after a purge. */
  readonly trashed: TrashedConfig | null;
}

export interface ConfigName {
  readonly name: string;
  readonly updatedAtMs: number;
}

/** Saved training configs live at the edge, so they can be written, listed and queued while the box is off. */
export function createConfigShelf(store: Store) {
  const read = (name: string): StoredConfig | null => {
    const row = store.first("SELECT * FROM configs WHERE folded = ?", name.toLowerCase());
    return row === null ? null : fromRow(row);
  };
  const refuseMore = (): void => {
    const count = Number(store.first("SELECT count(*) AS n FROM configs")?.["n"] ?? 0);
    if (count < limits.configs) return;
    throw new AppError("QUOTA_EXCEEDED", `There are already ${limits.configs} configs.`, {
      hint: "Delete some that are no longer used, with delete-config.",
    });
  };
  /** Newest first. */
  const trashed = (folded: string): TrashedConfig[] =>
    store
      .rows(
        "SELECT name, deleted_at_ms FROM config_trash WHERE folded = ? ORDER BY deleted_at_ms DESC",
        folded,
      )
      .map((row) => ({ name: text(row, "name"), deletedAtMs: Number(row["deleted_at_ms"]) }));
  /** What is too old, and the oldest beyond the bound; there is no other clock than the next deletion. */
  const sweep = (nowMs: number): void => {
    store.run("DELETE FROM config_trash WHERE deleted_at_ms <= ?", nowMs - limits.trashKeepMs);
    store.run(
      `DELETE FROM config_trash WHERE deleted_at_ms < (SELECT deleted_at_ms FROM config_trash
         ORDER BY deleted_at_ms DESC LIMIT 1 OFFSET ?)`,
      limits.configTrashEntries - 1,
    );
  };
  return {
    read,
    list: (): StoredConfig[] => store.rows("SELECT * FROM configs ORDER BY folded").map(fromRow),
    /** In the order of names, after the one whose folded name is given; no document is parsed. */
    page: (after: string, count: number): ConfigName[] =>
      store
        .rows(
          "SELECT name, updated_at_ms FROM configs WHERE folded > ? ORDER BY folded LIMIT ?",
          after,
          count,
        )
        .map((row) => ({ name: text(row, "name"), updatedAtMs: Number(row["updated_at_ms"]) })),
    /** Names that begin so, and how many there are. */
    beginning(typed: string, count: number): { readonly values: string[]; readonly total: number } {
      const from = typed.toLowerCase();
      // Names are ASCII: this is behind every one that begins so.
      const range = [from, `${from}\u007f`] as const;
      const where = "FROM configs WHERE folded >= ? AND folded < ?";
      return {
        values: store
          .rows(`SELECT name ${where} ORDER BY folded LIMIT ?`, ...range, count)
          .map((row) => text(row, "name")),
        total: Number(store.first(`SELECT count(*) AS n ${where}`, ...range)?.["n"] ?? 0),
      };
    },
    /** Returns what happened. The same content twice is no conflict; other content needs `overwrite`. Throws CONFIG_EXISTS, NAME_CONFLICT. */
    put(config: StoredConfig, overwrite: boolean): "created" | "unchanged" | "overwritten" {
      const document = JSON.stringify(config.document);
      if (document.length > limits.configBytes) {
        throw new AppError("PAYLOAD_TOO_LARGE", `A config is at most ${limits.configBytes} bytes.`);
      }
      const before = read(config.name);
      if (before !== null && canonicalJson(before.document) === canonicalJson(config.document)) {
        return "unchanged";
      }
      if (before !== null && before.name !== config.name) {
        // One file on a box whose disk ignores case: what is replaced has to be named as it is.
        throw new AppError(
          "NAME_CONFLICT",
          `The config ${before.name} has this name but for upper and lower case.`,
          { hint: "Choose another name, or write that one as it is." },
        );
      }
      if (before !== null && !overwrite) {
        throw new AppError(
          "CONFIG_EXISTS",
          `A config named ${before.name} exists with other content.`,
          {
            hint: "Choose another name, or pass overwrite: true.",
          },
        );
      }
      if (before === null) refuseMore();
      store.run(
        `INSERT INTO configs (folded, name, document, facts, updated_at_ms) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (folded) DO UPDATE SET name = excluded.name, document = excluded.document,
           facts = excluded.facts, updated_at_ms = excluded.updated_at_ms`,
        config.name.toLowerCase(),
        config.name,
        document,
        JSON.stringify(config.facts),
        config.updatedAtMs,
      );
      return before === null ? "created" : "overwritten";
    },
    /** Jobs have a copy of their own, so one that is queued or runs holds nothing here. */
    delete(name: string, purge: boolean, nowMs: number): Deleted | null {
      const folded = name.toLowerCase();
      return store.transaction(() => {
        sweep(nowMs);
        const live = read(name);
        if (live !== null && !purge) {
          store.run(
            `INSERT INTO config_trash (folded, deleted_at_ms, name, document, facts, updated_at_ms)
             SELECT folded, ?, name, document, facts, updated_at_ms FROM configs WHERE folded = ?
             ON CONFLICT (folded, deleted_at_ms) DO UPDATE SET name = excluded.name,
               document = excluded.document, facts = excluded.facts,
               updated_at_ms = excluded.updated_at_ms`,
            nowMs,
            folded,
          );
        }
        const [newest = null] = trashed(folded);
        if (live === null && newest === null) return null;
        store.run("DELETE FROM configs WHERE folded = ?", folded);
        if (purge) store.run("DELETE FROM config_trash WHERE folded = ?", folded);
        return {
          name: live?.name ?? newest?.name ?? name,
          before: live === null,
          trashed: purge ? null : newest,
        };
      });
    },
    restore(name: string, nowMs: number): StoredConfig | null {
      const folded = name.toLowerCase();
      return store.transaction(() => {
        sweep(nowMs);
        const [newest] = trashed(folded);
        if (newest === undefined) return null;
        if (read(name) !== null) {
          throw new AppError("CONFIG_EXISTS", `A config named ${newest.name} was saved since.`, {
            hint: "Delete or rename that one first.",
          });
        }
        refuseMore();
        store.run(
          `INSERT INTO configs (folded, name, document, facts, updated_at_ms)
           SELECT folded, name, document, facts, updated_at_ms FROM config_trash
           WHERE folded = ? AND deleted_at_ms = ?`,
          folded,
          newest.deletedAtMs,
        );
        store.run(
          "DELETE FROM config_trash WHERE folded = ? AND deleted_at_ms = ?",
          folded,
          newest.deletedAtMs,
        );
        return read(name);
      });
    },
  };
}

function fromRow(row: Row): StoredConfig {
  return {
    name: text(row, "name"),
    document: JSON.parse(text(row, "document")) as Record<string, unknown>,
    facts: JSON.parse(text(row, "facts")) as Record<string, unknown>,
    updatedAtMs: Number(row["updated_at_ms"]),
  };
}

export type ConfigShelf = ReturnType<typeof createConfigShelf>;
