/** Tables of an owner's Hub. Text keys are WITHOUT ROWID and nothing has a secondary index: either would double each write. */
export const hubMigrations: readonly string[] = [
  `CREATE TABLE agents (
     agent_id TEXT PRIMARY KEY,
     epoch INTEGER NOT NULL,
     instance_id TEXT NOT NULL,
     machine_id TEXT NOT NULL,
     boot_id TEXT NOT NULL,
     capabilities TEXT NOT NULL,
     connected_at_ms INTEGER NOT NULL,
     last_seen_at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE jobs (
     job_id TEXT PRIMARY KEY,
     place INTEGER NOT NULL,
     agent_id TEXT NOT NULL,
     slot TEXT NOT NULL,
     state TEXT NOT NULL,
     dispatched INTEGER NOT NULL,
     summary TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE calls (
     call_id TEXT PRIMARY KEY,
     agent_id TEXT NOT NULL,
     job_id TEXT NOT NULL,
     place INTEGER NOT NULL,
     operation TEXT NOT NULL,
     args TEXT NOT NULL,
     args_hash TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE configs (
     folded TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     document TEXT NOT NULL,
     facts TEXT NOT NULL,
     updated_at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE starts (
     key TEXT PRIMARY KEY,
     args_hash TEXT NOT NULL,
     job_id TEXT NOT NULL,
     at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE snapshots (
     key TEXT PRIMARY KEY,
     body TEXT NOT NULL,
     at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;`,
  `CREATE TABLE alert_routes (
     folded TEXT PRIMARY KEY,
     body TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE alert_gates (
     scope TEXT PRIMARY KEY,
     state TEXT NOT NULL,
     at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE alert_marks (
     job_id TEXT PRIMARY KEY,
     attempt INTEGER NOT NULL,
     seq INTEGER NOT NULL,
     at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE alert_conditions (
     condition TEXT PRIMARY KEY,
     since_ms INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE deliveries (
     delivery_id TEXT PRIMARY KEY,
     place INTEGER NOT NULL,
     endpoint TEXT NOT NULL,
     paced INTEGER NOT NULL,
     route TEXT,
     agent_id TEXT,
     status TEXT NOT NULL,
     next_at_ms INTEGER,
     attempts INTEGER NOT NULL,
     ended_at_ms INTEGER,
     progress TEXT NOT NULL,
     body TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE endpoints (
     endpoint TEXT PRIMARY KEY,
     failing_since_ms INTEGER,
     last_request_at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;`,
  `CREATE TABLE config_trash (
     folded TEXT NOT NULL,
     deleted_at_ms INTEGER NOT NULL,
     name TEXT NOT NULL,
     document TEXT NOT NULL,
     facts TEXT NOT NULL,
     updated_at_ms INTEGER NOT NULL,
     PRIMARY KEY (folded, deleted_at_ms)
   ) WITHOUT ROWID;`,
  `ALTER TABLE jobs ADD COLUMN turn INTEGER;`,
  `CREATE TABLE link_ends (
     nonce TEXT PRIMARY KEY,
     kind TEXT NOT NULL,
     holder TEXT NOT NULL,
     expires_at_ms INTEGER NOT NULL
   ) WITHOUT ROWID;`,
];
