import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";

/**
 * Which start made which job. An explicit key holds for good; a derived one (`auto:` in front) for a minute, since a model
 * that repeats a call after a time-out means the same start and one that repeats it tomorrow does not.
 */
export function createStarts(store: Store) {
  return {
    find(key: string, argsHash: string, nowMs: number): string | null {
      const row = store.first("SELECT args_hash, job_id, at_ms FROM starts WHERE key = ?", key);
      if (row === null) return null;
      if (key.startsWith("auto:") && nowMs - Number(row["at_ms"]) > limits.idempotencyWindowMs)
        return null;
      if (row["args_hash"] !== argsHash) {
        throw new AppError("IDEMPOTENCY_CONFLICT", "This idempotency_key started another job.", {
          hint: "Use a new key for another start.",
          details: { job_id: text(row, "job_id") },
        });
      }
      return text(row, "job_id");
    },
    keep(key: string, argsHash: string, jobId: string, nowMs: number): void {
      store.run(
        `INSERT INTO starts (key, args_hash, job_id, at_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET args_hash = excluded.args_hash, job_id = excluded.job_id, at_ms = excluded.at_ms`,
        key,
        argsHash,
        jobId,
        nowMs,
      );
    },
  };
}

export type Starts = ReturnType<typeof createStarts>;
