import { AppError, errorToWire, wireToError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { CallOutcome } from "@trainyard/shared/protocol/call-ledger.ts";
import { decodeAgentMessage } from "@trainyard/shared/protocol/codec.ts";
import { admit } from "@trainyard/shared/protocol/edge-session.ts";
import type { AgentMessage, EventsFrame, Hello } from "@trainyard/shared/protocol/messages.ts";
import { negotiateProtocol, protocolVersion } from "@trainyard/shared/protocol/version.ts";
import { describe, unwrap } from "../outcome.ts";
import type { JobClient } from "../stubs.ts";
import type { Alerts } from "./alerts.ts";
import type { Announcing } from "./announcing.ts";
import type { Calls, PendingCall } from "./calls.ts";
import type { JobIndex } from "./job-index.ts";
import type { Queue } from "./queue.ts";
import { closeCodes, verifyHello } from "./sessions.ts";
import type { Sessions } from "./sessions.ts";
import type { Watching } from "./watching.ts";

export interface LinkDependencies {
  readonly sessions: Sessions;
  readonly calls: Calls;
  readonly jobs: JobIndex;
  readonly queue: Queue;
  readonly watching: Watching;
  readonly alerts: Pick<Alerts, "ingested" | "boxConnected" | "arm">;
  readonly announcing: Announcing;
  job(jobId: string): JobClient;
  sendCall(call: PendingCall): boolean;
  now(): number;
}

/** What the Hub does with what an agent says; docs/protocol.md has the rules. */
export function createLink(deps: LinkDependencies) {
  const { sessions, calls, jobs, queue, watching } = deps;

  const hello = async (socket: WebSocket, message: Hello): Promise<void> => {
    const attachment = sessions.attachmentOf(socket);
    await verifyHello(attachment, message);
    const version = negotiateProtocol(message.protocols);
    if (version === null) {
      throw new AppError("UPGRADE_REQUIRED", `This edge speaks link version ${protocolVersion}.`, {
        hint: "Update the agent on the box; its training goes on meanwhile.",
      });
    }
    const { agentId } = attachment;
    const now = deps.now();
    const admission = admit(sessions.incumbent(agentId), message, now);
    if (admission.kind === "reject") {
      sessions.send(socket, {
        type: "reject",
        error: { ...admission.error },
        retryAfterMs: admission.retryAfterMs,
      });
      socket.close(closeCodes.superseded, admission.error.code);
      return;
    }
    const { epoch } = admission.session;
    sessions.begin(agentId, socket, admission.session, message.capabilities);
    const resume = await attachJobs(agentId, message.jobs, now);
    sessions.send(socket, {
      type: "welcome",
      protocol: version,
      epoch,
      resume,
      windowFrames: limits.windowFrames,
      accepts: ["announce"],
    });
    for (const call of calls.keptFor(agentId)) deps.sendCall(call);
    watching.reopen((jobId) => jobs.get(jobId)?.summary.agentId === agentId, now);
    deps.alerts.boxConnected(agentId);
    await queue.dispatch(agentId);
  };

  /** [S3] A job that was never given to this agent is not its to speak for: without a resume entry it sends nothing. */
  const attachJobs = async (agentId: string, named: Hello["jobs"], now: number) => {
    const resume: { jobId: string; attempt: number; acked: number }[] = [];
    for (const { jobId, attempt, head } of named) {
      if (jobs.get(jobId)?.summary.agentId !== agentId) continue;
      const attached = unwrap(await deps.job(jobId).attach(attempt, head, now));
      jobs.update(attached.summary);
      resume.push({ jobId, attempt, acked: attached.acked });
    }
    return resume;
  };

  const ingest = async (socket: WebSocket, agentId: string, frame: EventsFrame): Promise<void> => {
    const { jobId, attempt, epoch } = frame;
    if (jobs.get(jobId)?.summary.agentId !== agentId) {
      throw new AppError("JOB_NOT_FOUND", "This job was never given to this agent.");
    }
    const result = unwrap(
      await deps.job(jobId).ingest(attempt, frame.from, frame.items, frame.head, deps.now()),
    );
    const changed = jobs.update(result.summary);
    const { items, from } = frame;
    await deps.alerts.ingested({
      attempt,
      from,
      items,
      acked: result.acked,
      summary: result.summary,
    });
    sessions.send(
      socket,
      result.expected === null
        ? { type: "ack", epoch, jobId, attempt, upTo: result.acked }
        : { type: "nack", epoch, jobId, attempt, expected: result.expected },
    );
    if (changed && isTerminal(result.summary.state)) {
      watching.forget(jobId);
      await queue.dispatch(agentId);
    }
  };

  const received = async (
    socket: WebSocket,
    agentId: string,
    epoch: number,
    message: Exclude<AgentMessage, Hello>,
  ): Promise<void> => {
    switch (message.type) {
      case "events":
        if (message.epoch === epoch) await ingest(socket, agentId, message);
        return;
      case "live":
        if (message.epoch === epoch && jobs.get(message.jobId)?.summary.agentId === agentId) {
          watching.take(message.jobId, message.head, deps.now());
        }
        return;
      case "announce":
        if (message.epoch === epoch) {
          const outcome = await deps.announcing.announce(agentId, message.job);
          sessions.send(socket, { type: "announced", epoch, jobId: message.job.jobId, outcome });
        }
        return;
      case "result": {
        const outcome: CallOutcome = message.outcome.ok
          ? { ok: true, value: message.outcome.value }
          : { ok: false, error: errorToWire(wireToError(message.outcome.error)) };
        const kept = calls.kept(message.callId);
        if (kept !== null && kept.agentId === agentId)
          await queue.settle(kept, outcome, deps.now());
        calls.settle(message.callId, outcome);
        return;
      }
    }
  };

  /** What an agent did wrong is told to it; what failed here is not acknowledged, and comes again. */
  const failed = (socket: WebSocket, agentId: string, error: unknown): void => {
    const wire = errorToWire(error);
    if (wire.code === "INTERNAL") {
      console.error(JSON.stringify({ agentId, error: describe(error) }));
      socket.close(1011, "Something failed at the edge; reconnect.");
      return;
    }
    sessions.send(socket, {
      type: "reject",
      error: { ...wire },
      retryAfterMs: limits.reconnectCapMs,
    });
    socket.close(
      wire.code === "AUTH_INVALID" ? closeCodes.badSignature : closeCodes.badFrame,
      wire.code,
    );
  };

  return {
    async message(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
      const { agentId, epoch } = sessions.attachmentOf(socket);
      try {
        if (typeof data !== "string") throw new AppError("PROTOCOL_ERROR", "Frames are text.");
        const message = decodeAgentMessage(data);
        if (message.type === "hello") {
          await hello(socket, message);
          return;
        }
        // [E4] A socket that is not the agent's current session changes nothing any more.
        if (epoch === null || sessions.known(agentId)?.epoch !== epoch) {
          socket.close(closeCodes.superseded, "This session is not the current one.");
          return;
        }
        sessions.saw(agentId, deps.now());
        await received(socket, agentId, epoch, message);
      } catch (error) {
        failed(socket, agentId, error);
      }
    },

    ended(socket: WebSocket): void {
      const { agentId, epoch } = sessions.attachmentOf(socket);
      if (epoch === null || sessions.known(agentId)?.epoch !== epoch) return;
      sessions.ended(agentId, deps.now());
      calls.failFor(agentId, (callId) => calls.kept(callId) !== null);
      deps.alerts.arm();
    },
  };
}

export type Link = ReturnType<typeof createLink>;
