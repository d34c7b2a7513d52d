import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "@trainyard/shared/clock.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { CallOutcome, LedgerEntry } from "@trainyard/shared/protocol/call-ledger.ts";

export interface CallLedger {
  entry(callId: string): LedgerEntry | null;
  begin(callId: string, argsHash: string): void;
  finish(callId: string, outcome: CallOutcome): void;
}

export function createCallLedger(database: DatabaseSync, clock: Clock): CallLedger {
  const call = database.prepare("SELECT * FROM calls WHERE call_id = ?");
  const callCount = database.prepare("SELECT count(*) AS rows FROM calls");
  const beginCall = database.prepare("INSERT OR IGNORE INTO calls VALUES (?, ?, NULL, ?)");
  const finishCall = database.prepare("UPDATE calls SET outcome = ? WHERE call_id = ?");
  const pruneCalls = database.prepare(
    "DELETE FROM calls WHERE call_id IN (SELECT call_id FROM calls WHERE outcome IS NOT NULL ORDER BY at_ms LIMIT ?)",
  );
  let rows = Number(callCount.get()?.["rows"] ?? 0);
  return {
    entry(callId) {
      const row = call.get(callId);
      if (row === undefined) return null;
      const outcome = row["outcome"] as string | null;
      return {
        argsHash: row["args_hash"] as string,
        outcome: outcome === null ? null : (JSON.parse(outcome) as CallOutcome),
      };
    },
    begin(callId, argsHash) {
      rows += Number(beginCall.run(callId, argsHash, clock.now()).changes);
      if (rows <= limits.callLedgerRows) return;
      rows -= Number(pruneCalls.run(Math.ceil(limits.callLedgerRows / 10)).changes);
    },
    finish: (callId, outcome) => {
      finishCall.run(JSON.stringify(outcome), callId);
    },
  };
}
