import { hashJson } from "@trainyard/shared/canonical-json.ts";
import { AppError, wireToError } from "@trainyard/shared/errors.ts";
import { newCallId } from "@trainyard/shared/ids.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import type { OperationName } from "@trainyard/shared/protocol/operations.ts";
import type { CallOutcome } from "@trainyard/shared/protocol/call-ledger.ts";
import { text } from "../storage.ts";
import type { Row, Store } from "../storage.ts";

export interface PendingCall {
  readonly callId: string;
  readonly agentId: string;
  readonly operation: string;
  readonly args: unknown;
  readonly argsHash: string;
}

export interface DurableCall extends PendingCall {
  readonly jobId: string;
}

interface Waiter {
  readonly agentId: string;
  settle(outcome: CallOutcome): void;
}

/**
 * Calls in flight. One that changes the box is a row until its result is here, and is sent again after every hello with
 * the same id; one that only reads lives in memory and fails with the connection.
 */
export function createCalls(store: Store) {
  const waiters = new Map<string, Waiter>();

  const settle = (callId: string, outcome: CallOutcome): void => {
    const waiter = waiters.get(callId);
    waiters.delete(callId);
    waiter?.settle(outcome);
  };

  return {
    settle,
    async prepare(agentId: string, operation: OperationName, args: unknown): Promise<PendingCall> {
      return { callId: newCallId(), agentId, operation, args, argsHash: await hashJson(args) };
    },
    /** Must run inside the transaction that decides the call. */
    keep(call: DurableCall): void {
      const place = Number(
        store.first("SELECT coalesce(max(place), 0) + 1 AS n FROM calls")?.["n"] ?? 1,
      );
      store.run(
        "INSERT INTO calls (call_id, agent_id, job_id, place, operation, args, args_hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
        call.callId,
        call.agentId,
        call.jobId,
        place,
        call.operation,
        JSON.stringify(call.args),
        call.argsHash,
      );
    },
    kept(callId: string): DurableCall | null {
      const row = store.first("SELECT * FROM calls WHERE call_id = ?", callId);
      return row === null ? null : fromRow(row);
    },
    forget: (callId: string): void => store.run("DELETE FROM calls WHERE call_id = ?", callId),
    keptFor: (agentId: string): DurableCall[] =>
      store.rows("SELECT * FROM calls WHERE agent_id = ? ORDER BY place", agentId).map(fromRow),
    keptForJob: (jobId: string, operation: OperationName): DurableCall | null => {
      const row = store.first(
        "SELECT * FROM calls WHERE job_id = ? AND operation = ? ORDER BY place LIMIT 1",
        jobId,
        operation,
      );
      return row === null ? null : fromRow(row);
    },
    /** Waits for the result; TOOL_TIMEOUT when the agent does not answer in the operation's time. */
    wait(call: PendingCall, operation: OperationName, timeoutMs?: number): Promise<unknown> {
      const definition = operations[operation];
      const waitMs = timeoutMs ?? definition.timeoutMs;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiters.delete(call.callId);
          reject(
            new AppError(
              "TOOL_TIMEOUT",
              `The box did not answer within ${Math.round(waitMs / 1_000)} s.`,
              {
                hint: "Call list-agents to see whether it is connected, then try again.",
              },
            ),
          );
        }, waitMs);
        waiters.set(call.callId, {
          agentId: call.agentId,
          settle: (outcome) => {
            clearTimeout(timer);
            if (outcome.ok) {
              const parsed = definition.value.safeParse(outcome.value);
              if (parsed.success) resolve(parsed.data);
              else
                reject(
                  new AppError(
                    "PROTOCOL_ERROR",
                    `The box answered ${operation} in an unknown form.`,
                  ),
                );
            } else {
              reject(wireToError(outcome.error));
            }
          },
        });
      });
    },
    /** The connection is gone: reads end, durable calls go on waiting for the next one. */
    failFor(agentId: string, isKept: (callId: string) => boolean): void {
      for (const [callId, waiter] of waiters) {
        if (waiter.agentId !== agentId || isKept(callId)) continue;
        settle(callId, {
          ok: false,
          error: {
            code: "AGENT_OFFLINE",
            message: "The connection to the box was lost during the call.",
            hint: "It reconnects by itself; try again in a few seconds.",
          },
        });
      }
    },
  };
}

export type Calls = ReturnType<typeof createCalls>;

function fromRow(row: Row): DurableCall {
  return {
    callId: text(row, "call_id"),
    agentId: text(row, "agent_id"),
    jobId: text(row, "job_id"),
    operation: text(row, "operation"),
    args: JSON.parse(text(row, "args")) as unknown,
    argsHash: text(row, "args_hash"),
  };
}
