import { AppError } from "@trainyard/shared/errors.ts";
import type { OperationArgs, OperationName } from "@trainyard/shared/protocol/operations.ts";
import type { Calls, PendingCall } from "./calls.ts";
import type { JobIndex } from "./job-index.ts";
import { requireOperation } from "./sessions.ts";
import type { Sessions } from "./sessions.ts";

/** What the Hub says to a box over its current session. */
export function createBoxes(deps: {
  readonly sessions: Sessions;
  readonly calls: Calls;
  readonly jobs: JobIndex;
}) {
  const { sessions, calls, jobs } = deps;

  /** False when the box is not connected. */
  const sendCall = ({ agentId, callId, operation, argsHash, args }: PendingCall): boolean => {
    const socket = sessions.currentSocket(agentId);
    const epoch = sessions.known(agentId)?.epoch;
    if (socket === null || epoch === undefined) return false;
    sessions.send(socket, { type: "call", epoch, callId, operation, argsHash, args });
    return true;
  };

  const requireConnected = (agentId: string): void => {
    if (sessions.currentSocket(agentId) !== null) return;
    const seen = sessions.lastSeenAtMs(agentId);
    throw new AppError(
      "AGENT_OFFLINE",
      seen === null ? "No agent has ever connected." : "The box is not connected.",
      {
        hint: "Start the agent on the GPU box (`npm start` or `trainyard agent`), then call list-agents.",
        details: {
          agent_id: agentId,
          last_seen_at: seen === null ? null : new Date(seen).toISOString(),
        },
      },
    );
  };

  const ask = async (
    agentId: string,
    operation: OperationName,
    args: unknown,
    callId?: string,
  ): Promise<unknown> => {
    requireConnected(agentId);
    requireOperation(sessions.known(agentId), operation);
    const prepared = await calls.prepare(agentId, operation, args);
    const call = callId === undefined ? prepared : { ...prepared, callId };
    const answer = calls.wait(call, operation);
    sendCall(call);
    return answer;
  };

  return {
    sendCall,
    sendWatch(jobId: string, forMs: number): void {
      const agentId = jobs.get(jobId)?.summary.agentId;
      if (agentId === undefined) return;
      const socket = sessions.currentSocket(agentId);
      const epoch = sessions.known(agentId)?.epoch;
      if (socket === null || epoch === undefined) return;
      sessions.send(socket, { type: "watch", epoch, jobId, forMs: Math.round(forMs) });
    },
    /** Throws AGENT_OFFLINE, AGENT_OUTDATED, TOOL_TIMEOUT and what the box refuses with. */
    call: (agentId: string, operation: OperationName, args: unknown): Promise<unknown> =>
      ask(agentId, operation, args),
    /** The call's id is made of the delivery's, so the box's ledger knows it when it comes again. */
    async appendAlerts(agentId: string, args: OperationArgs<"append-alerts">): Promise<void> {
      await ask(agentId, "append-alerts", args, `call_${args.deliveryId}`);
    },
  };
}

export type Boxes = ReturnType<typeof createBoxes>;
