/**
 * One object's SQL with a count of what it costs: rows written are what the platform bills, and a budget nobody counts is
 * not a budget. Rows come back as plain records; each caller parses its own columns.
 */
type SqlValue = string | number | null | ArrayBuffer;
export type Row = Record<string, SqlValue>;

/** A text column. A column of another type is a bug of ours, not a value to be shown. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new Error(`column ${column} is no text`);
  return value;
}

export interface Store {
  run(query: string, ...bindings: SqlValue[]): void;
  rows(query: string, ...bindings: SqlValue[]): Row[];
  first(query: string, ...bindings: SqlValue[]): Row | null;
  transaction<Value>(work: () => Value): Value;
  rowsWritten(): number;
}

export function createStore(storage: DurableObjectStorage): Store {
  let written = 0;
  const rows = (query: string, bindings: SqlValue[]): Row[] => {
    const cursor = storage.sql.exec<Row>(query, ...bindings);
    const result = cursor.toArray();
    written += cursor.rowsWritten;
    return result;
  };
  return {
    run: (query, ...bindings) => void rows(query, bindings),
    rows: (query, ...bindings) => rows(query, bindings),
    first: (query, ...bindings) => rows(query, bindings)[0] ?? null,
    transaction: (work) => storage.transactionSync(work),
    rowsWritten: () => written,
  };
}

/** Append-only: an applied migration is never edited, and its position is its number. */
export function migrate(store: Store, migrations: readonly string[]): void {
  store.run(
    "CREATE TABLE IF NOT EXISTS schema_version (id INTEGER PRIMARY KEY, version INTEGER NOT NULL)",
  );
  const applied = Number(
    store.first("SELECT version FROM schema_version WHERE id = 1")?.["version"] ?? 0,
  );
  if (applied > migrations.length) throw new Error("this object's schema is newer than the code");
  for (let version = applied; version < migrations.length; version += 1) {
    store.transaction(() => {
      store.run(migrations[version] as string);
      store.run(
        "INSERT INTO schema_version (id, version) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version",
        version + 1,
      );
    });
  }
}
