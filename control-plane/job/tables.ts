/**
 * Tables of one Job object. WITHOUT ROWID for every composite key and no secondary index: each would double the rows that
 * a write is billed for (spikes 2).
 */
export const jobMigrations: readonly string[] = [
  `CREATE TABLE job (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     snapshot TEXT NOT NULL,
     before TEXT NOT NULL
   );
   CREATE TABLE head (
     attempt INTEGER PRIMARY KEY,
     acked INTEGER NOT NULL,
     state TEXT NOT NULL,
     segment BLOB NOT NULL,
     segments INTEGER NOT NULL
   );
   CREATE TABLE segments (
     attempt INTEGER NOT NULL,
     number INTEGER NOT NULL,
     first_step INTEGER NOT NULL,
     last_step INTEGER NOT NULL,
     body BLOB NOT NULL,
     PRIMARY KEY (attempt, number)
   ) WITHOUT ROWID;
   CREATE TABLE events (
     attempt INTEGER NOT NULL,
     seq INTEGER NOT NULL,
     kind TEXT NOT NULL,
     body TEXT NOT NULL,
     PRIMARY KEY (attempt, seq)
   ) WITHOUT ROWID;`,
  `ALTER TABLE head ADD COLUMN aggregates TEXT;`,
  `CREATE TABLE timeline (
     delivery_id TEXT NOT NULL,
     n INTEGER NOT NULL,
     at_ms REAL NOT NULL,
     body TEXT NOT NULL,
     PRIMARY KEY (delivery_id, n)
   ) WITHOUT ROWID;`,
];
