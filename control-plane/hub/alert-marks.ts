import { alertsOfFrame } from "@trainyard/shared/alerts/job-alerts.ts";
import type { PlacedAlert } from "@trainyard/shared/alerts/job-alerts.ts";
import type { Evidence } from "@trainyard/shared/jobs/failure.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import type { Store } from "../storage.ts";

/** One committed frame of a job's stream. */
export interface IngestedFrame {
  readonly attempt: number;
  /** Number of the first item. */
  readonly from: number;
  readonly items: readonly Item[];
  /** Everything up to here is committed. */
  readonly acked: number;
  readonly summary: JobSummary;
  /** What judging the job says, for the alert of its end. */
  readonly verdict: Evidence;
}

/**
 * How far each job's stream was told of. A frame that comes again after a crash between the Job's commit and ours is looked
 * at again, and what was told of is known by its number: nothing is missed, nothing told twice.
 */
export function createAlertMarks(store: Store) {
  return {
    /** Findings of the frame that are new; marks them. A frame without any writes nothing. */
    take(
      { attempt, from, items, acked, summary, verdict }: IngestedFrame,
      nowMs: number,
    ): PlacedAlert[] {
      const placed = alertsOfFrame(from, items, summary, verdict).filter(({ seq }) => seq <= acked);
      const last = placed.at(-1);
      if (last === undefined) return [];
      const { jobId } = summary;
      const row = store.first("SELECT attempt, seq FROM alert_marks WHERE job_id = ?", jobId);
      const mark = { attempt: Number(row?.["attempt"] ?? 0), seq: Number(row?.["seq"] ?? 0) };
      const fresh = placed.filter(
        ({ seq }) => attempt > mark.attempt || (attempt === mark.attempt && seq > mark.seq),
      );
      if (fresh.length === 0) return [];
      store.run(
        `INSERT INTO alert_marks (job_id, attempt, seq, at_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT (job_id) DO UPDATE SET attempt = excluded.attempt, seq = excluded.seq, at_ms = excluded.at_ms`,
        jobId,
        attempt,
        last.seq,
        nowMs,
      );
      return fresh;
    },
    sweep: (nowMs: number): void =>
      store.run("DELETE FROM alert_marks WHERE at_ms < ?", nowMs - limits.outboxKeepMs),
  };
}
