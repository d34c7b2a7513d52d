import type { Call } from "@trainyard/shared/protocol/messages.ts";
import { judgeCall } from "@trainyard/shared/protocol/call-ledger.ts";
import type { CallOutcome } from "@trainyard/shared/protocol/call-ledger.ts";
import { isOperationName, operations } from "@trainyard/shared/protocol/operations.ts";
import type { OperationName } from "@trainyard/shared/protocol/operations.ts";
import { AppError, errorToWire } from "@trainyard/shared/errors.ts";
import { randomId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Log } from "./log.ts";
import { errorFields } from "./log.ts";
import type { CallLedger } from "./spool.ts";

export type RunOperation = (operation: OperationName, args: unknown) => Promise<unknown>;

export interface Calls {
  /** Answers once or more: a call that is delivered again gets the same outcome again. */
  deliver(call: Call, answer: (outcome: CallOutcome) => void): void;
}

/** At-least-once delivery in, at-most-once effect out. `run` gets arguments that its schema has checked. */
export function createCalls(deps: {
  readonly ledger: CallLedger;
  readonly run: RunOperation;
  readonly log: Log;
}): Calls {
  const running = new Map<string, Promise<CallOutcome>>();

  const perform = async (operation: OperationName, args: unknown): Promise<CallOutcome> => {
    try {
      const value = await deps.run(operation, args);
      const bytes = Buffer.byteLength(JSON.stringify(value) ?? "");
      if (bytes <= limits.callResultBytes) return { ok: true, value };
      throw new AppError("PAYLOAD_TOO_LARGE", `The answer of ${operation} has ${bytes} bytes.`, {
        hint: "Ask for less, or for a file by link.",
        details: { maxBytes: limits.callResultBytes },
      });
    } catch (error) {
      if (error instanceof AppError) return { ok: false, error: errorToWire(error) };
      const reference = randomId().slice(0, 10);
      deps.log("error", "an operation failed", { operation, reference, ...errorFields(error) });
      return { ok: false, error: errorToWire(error, reference) };
    }
  };

  const outcomeOf = async (call: Call): Promise<CallOutcome> => {
    const { operation, callId, argsHash } = call;
    if (!isOperationName(operation)) {
      return failure(
        new AppError("AGENT_OUTDATED", "This agent does not know that operation.", {
          hint: "Update the agent on the box.",
        }),
      );
    }
    const args = operations[operation].args.safeParse(call.args);
    if (!args.success) {
      const [issue] = args.error.issues;
      return failure(
        new AppError(
          "INVALID_ARGUMENT",
          `The arguments of ${operation} are wrong at ${issue?.path.join(".") || "their root"}.`,
          {
            details: { problem: issue?.message ?? "unknown" },
          },
        ),
      );
    }
    if (!operations[operation].changes) return perform(operation, args.data);

    const verdict = judgeCall(deps.ledger.entry(callId), argsHash);
    if (verdict.kind === "repeat") return verdict.outcome;
    if (verdict.kind === "conflict") return { ok: false, error: verdict.error };
    // "in-progress" and not in `running`: the agent died on the way. Each changing operation looks at the attempts first
    // and does nothing twice, so it is asked again.
    deps.ledger.begin(callId, argsHash);
    const outcome = await perform(operation, args.data);
    // What failed for a passing reason may be tried again under the same id.
    if (outcome.ok || !isPassing(outcome)) deps.ledger.finish(callId, outcome);
    return outcome;
  };

  return {
    deliver(call, answer) {
      const name = `${call.callId}:${call.argsHash}`;
      let outcome = running.get(name);
      if (outcome === undefined) {
        outcome = outcomeOf(call)
          .catch((error: unknown) => {
            deps.log("error", "a call could not be judged", errorFields(error));
            return failure(error);
          })
          .finally(() => running.delete(name));
        running.set(name, outcome);
      }
      void outcome.then(answer);
    },
  };
}

function isPassing(outcome: Extract<CallOutcome, { ok: false }>): boolean {
  return ["INTERNAL", "STORAGE_FULL", "QUOTA_EXCEEDED"].includes(outcome.error.code);
}

function failure(error: unknown): CallOutcome {
  return { ok: false, error: errorToWire(error) };
}
