import type { DatabaseSync } from "node:sqlite";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import type { StateItem } from "@trainyard/shared/protocol/items.ts";
import type { StreamKey } from "./streams.ts";

/** What the box knows of an attempt. The columns that are objects are JSON that only this process writes. */
export interface AttemptRow extends StreamKey {
  readonly state: JobState;
  readonly spec: unknown;
  readonly process: StateItem["process"];
  readonly stop: unknown;
  readonly createdAtMs: number;
}

export interface AttemptStore {
  create(row: Omit<AttemptRow, "process" | "stop">): void;
  update(
    key: StreamKey,
    change: Partial<Pick<AttemptRow, "state" | "process" | "stop">> | undefined,
  ): void;
  one(key: StreamKey): AttemptRow | null;
  all(): readonly AttemptRow[];
  ofJob(jobId: string): readonly AttemptRow[];
  /** Where reading stands, as its reader wrote it. */
  reader(key: StreamKey): unknown;
  setReader(key: StreamKey, reader: unknown): void;
}

export function createAttemptStore(database: DatabaseSync): AttemptStore {
  const sql = statements(database);
  return {
    create({ jobId, attempt, state, spec, createdAtMs }) {
      sql.newAttempt.run(jobId, attempt, state, JSON.stringify(spec), createdAtMs);
    },
    update({ jobId, attempt }, { state, process, stop } = {}) {
      if (state !== undefined) sql.setState.run(state, jobId, attempt);
      if (process !== undefined) sql.setProcess.run(JSON.stringify(process), jobId, attempt);
      if (stop !== undefined) sql.setStop.run(JSON.stringify(stop), jobId, attempt);
    },
    one({ jobId, attempt }) {
      const row = sql.attempt.get(jobId, attempt);
      return row === undefined ? null : attemptOf(row);
    },
    all: () => sql.attempts.all().map(attemptOf),
    ofJob: (jobId) => sql.attemptsOf.all(jobId).map(attemptOf),
    reader({ jobId, attempt }) {
      const row = sql.reader.get(jobId, attempt);
      return row === undefined ? null : JSON.parse(row["state"] as string);
    },
    setReader({ jobId, attempt }, reader) {
      sql.setReader.run(jobId, attempt, JSON.stringify(reader));
    },
  };
}

function statements(database: DatabaseSync) {
  const key = "job_id = ? AND attempt = ?";
  return {
    reader: database.prepare(`SELECT state FROM readers WHERE ${key}`),
    setReader: database.prepare("INSERT OR REPLACE INTO readers VALUES (?, ?, ?)"),
    attempt: database.prepare(`SELECT * FROM attempts WHERE ${key}`),
    attempts: database.prepare("SELECT * FROM attempts ORDER BY created_at_ms, job_id, attempt"),
    attemptsOf: database.prepare("SELECT * FROM attempts WHERE job_id = ? ORDER BY attempt"),
    newAttempt: database.prepare("INSERT INTO attempts VALUES (?, ?, ?, ?, NULL, NULL, ?)"),
    setState: database.prepare(`UPDATE attempts SET state = ? WHERE ${key}`),
    setProcess: database.prepare(`UPDATE attempts SET process = ? WHERE ${key}`),
    setStop: database.prepare(`UPDATE attempts SET stop = ? WHERE ${key}`),
  };
}

function attemptOf(row: Record<string, unknown>): AttemptRow {
  return {
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
  };
}
