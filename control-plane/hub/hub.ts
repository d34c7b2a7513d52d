import { DurableObject } from "cloudflare:workers";
import { AppError, errorToWire, wireToError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { decodeAgentMessage } from "@trainyard/shared/protocol/codec.ts";
import { admit } from "@trainyard/shared/protocol/edge-session.ts";
import type { Connectivity } from "@trainyard/shared/protocol/edge-session.ts";
import type { Head } from "@trainyard/shared/protocol/items.ts";
import type { AgentMessage, EventsFrame, Hello } from "@trainyard/shared/protocol/messages.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import type { OperationArgs, OperationName } from "@trainyard/shared/protocol/operations.ts";
import { negotiateProtocol, pingText, pongText, protocolVersion, subprotocol } from "@trainyard/shared/protocol/version.ts";
import type { Env } from "../env.ts";
import { jobOf } from "../stubs.ts";
import type { JobClient } from "../stubs.ts";
import { describe, outcomeOf, unwrap } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { createStore, migrate } from "../storage.ts";
import type { Store } from "../storage.ts";
import type { Usage } from "../usage.ts";
import { createCalls } from "./calls.ts";
import type { Calls, DurableCall } from "./calls.ts";
import { createConfigShelf } from "./config-shelf.ts";
import type { StoredConfig } from "./config-shelf.ts";
import { createJobIndex } from "./job-index.ts";
import type { IndexedJob, JobFilter, JobIndex } from "./job-index.ts";
import { challenge, closeCodes, createSessions, isOverdue, verifyHello } from "./sessions.ts";
import type { KnownAgent, Sessions } from "./sessions.ts";
import { createSnapshots } from "./snapshots.ts";
import type { Snapshot } from "./snapshots.ts";
import { createStarts } from "./starts.ts";
import { hubMigrations } from "./tables.ts";

export interface AgentView extends KnownAgent {
  readonly connectivity: Connectivity;
  readonly seenAtMs: number;
  readonly activeJobIds: readonly string[];
  readonly queueLength: number;
}

export interface JobView {
  readonly summary: JobSummary;
  readonly connectivity: Connectivity;
  /** When the box was last heard of, edge clock. */
  readonly agentSeenAtMs: number | null;
  /** Newest value of the live lane; fresher than the summary while somebody watches. */
  readonly live: { readonly head: Head; readonly receivedAtMs: number } | null;
  readonly queuePosition: number | null;
}

export interface JobListing {
  readonly jobs: readonly JobView[];
  readonly total: number;
  readonly next: number | null;
}

export interface StartRequest {
  readonly snapshot: JobSnapshot;
  /** The same key starts once; other arguments under it are refused. */
  readonly idempotencyKey: string;
  readonly argsHash: string;
}

export interface StartResult extends JobView {
  readonly duplicate: boolean;
}

/**
 * One owner's front office: enrolled agents and their sessions, calls in flight, the queue of each GPU, the index of jobs,
 * saved configs. Bytes and series never pass through here.
 */
export class Hub extends DurableObject<Env> {
  readonly #store: Store;
  #sessions!: Sessions;
  #calls!: Calls;
  #jobs!: JobIndex;
  #configs!: ReturnType<typeof createConfigShelf>;
  #snapshots!: ReturnType<typeof createSnapshots>;
  #starts!: ReturnType<typeof createStarts>;
  readonly #live = new Map<string, { head: Head; receivedAtMs: number }>();
  readonly #watchedUntilMs = new Map<string, number>();
  #requests = 0;
  #messages = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = createStore(ctx.storage);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(pingText, pongText));
    void ctx.blockConcurrencyWhile(async () => {
      migrate(this.#store, hubMigrations);
      this.#sessions = createSessions(ctx, this.#store);
      this.#calls = createCalls(this.#store);
      this.#jobs = createJobIndex(this.#store);
      this.#configs = createConfigShelf(this.#store);
      this.#snapshots = createSnapshots(this.#store);
      this.#starts = createStarts(this.#store);
    });
  }

  #job(jobId: string): JobClient {
    return jobOf(this.env, this.ctx.id.name ?? "", jobId);
  }

  // ---- sessions ------------------------------------------------------------------------------

  /** The agent socket. The Worker has looked the agent up and names it and its key in headers of its own. */
  override async fetch(request: Request): Promise<Response> {
    this.#requests += 1;
    const agentId = request.headers.get("x-trainyard-agent") ?? "";
    const publicKey = request.headers.get("x-trainyard-public-key") ?? "";
    const now = Date.now();
    for (const socket of this.#sessions.socketsOf(agentId)) {
      if (isOverdue(this.#sessions.attachmentOf(socket), now)) {
        socket.close(closeCodes.helloTimeout, "No hello in time.");
      }
    }
    const client = challenge(this.ctx, { agentId, publicKey }, new URL(request.url).origin, now);
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { "sec-websocket-protocol": subprotocol },
    });
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    this.#messages += 1;
    const { agentId, epoch } = this.#sessions.attachmentOf(socket);
    try {
      if (typeof data !== "string") {
        throw new AppError("PROTOCOL_ERROR", "Frames are text.");
      }
      const message = decodeAgentMessage(data);
      if (message.type === "hello") {
        await this.#hello(socket, message);
        return;
      }
      // [E4] A socket that is not the agent's current session changes nothing any more.
      if (epoch === null || this.#sessions.known(agentId)?.epoch !== epoch) {
        socket.close(closeCodes.superseded, "This session is not the current one.");
        return;
      }
      this.#sessions.saw(agentId, Date.now());
      await this.#received(socket, agentId, epoch, message);
    } catch (error) {
      const wire = errorToWire(error);
      if (wire.code === "INTERNAL") {
        console.error(JSON.stringify({ agentId, error: describe(error) }));
        // The frame is not acknowledged: the agent sends it again after the reconnect.
        socket.close(1011, "Something failed at the edge; reconnect.");
        return;
      }
      this.#sessions.send(socket, { type: "reject", error: wire, retryAfterMs: limits.reconnectCapMs });
      socket.close(
        wire.code === "AUTH_INVALID" ? closeCodes.badSignature : closeCodes.badFrame,
        wire.code,
      );
    }
  }

  async #received(
    socket: WebSocket,
    agentId: string,
    epoch: number,
    message: Exclude<AgentMessage, Hello>,
  ): Promise<void> {
    switch (message.type) {
      case "events":
        if (message.epoch === epoch) await this.#ingest(socket, agentId, message);
        return;
      case "live":
        if (message.epoch === epoch && this.#jobs.get(message.jobId)?.summary.agentId === agentId) {
          this.#live.set(message.jobId, { head: message.head, receivedAtMs: Date.now() });
        }
        return;
      case "result": {
        const kept = this.#calls.kept(message.callId);
        if (kept !== null) await this.#settleKept(kept, message.outcome.ok, message.outcome);
        this.#calls.settle(
          message.callId,
          message.outcome.ok
            ? { ok: true, value: message.outcome.value }
            : { ok: false, error: errorToWire(wireToError(message.outcome.error)) },
        );
        return;
      }
    }
  }

  async #hello(socket: WebSocket, hello: Hello): Promise<void> {
    const attachment = this.#sessions.attachmentOf(socket);
    await verifyHello(attachment, hello);
    const version = negotiateProtocol(hello.protocols);
    if (version === null) {
      throw new AppError("UPGRADE_REQUIRED", `This edge speaks link version ${protocolVersion}.`, {
        hint: "Update the agent on the box; its training goes on meanwhile.",
      });
    }
    const { agentId } = attachment;
    const now = Date.now();
    const admission = admit(this.#sessions.incumbent(agentId), hello, now);
    if (admission.kind === "reject") {
      this.#sessions.send(socket, {
        type: "reject",
        error: { ...admission.error },
        retryAfterMs: admission.retryAfterMs,
      });
      socket.close(closeCodes.superseded, admission.error.code);
      return;
    }
    const { epoch } = admission.session;
    this.#sessions.begin(agentId, socket, admission.session, hello.capabilities);

    const resume: { jobId: string; attempt: number; acked: number }[] = [];
    for (const entry of hello.jobs) {
      // A job that was never given to this agent is not its to speak for; without a resume entry it sends nothing.
      if (this.#jobs.get(entry.jobId)?.summary.agentId !== agentId) continue;
      const attached = unwrap(await this.#job(entry.jobId).attach(entry.attempt, entry.head, now));
      this.#jobs.update(attached.summary);
      resume.push({ jobId: entry.jobId, attempt: entry.attempt, acked: attached.acked });
    }
    this.#sessions.send(socket, {
      type: "welcome",
      protocol: version,
      epoch,
      resume,
      windowFrames: limits.windowFrames,
    });
    for (const call of this.#calls.keptFor(agentId)) this.#sendCall(call);
    for (const [jobId, untilMs] of this.#watchedUntilMs) {
      if (untilMs > now) this.#sendWatch(agentId, jobId, untilMs - now);
    }
    await this.#dispatch(agentId);
  }

  async #ingest(socket: WebSocket, agentId: string, frame: EventsFrame): Promise<void> {
    const { jobId, attempt, epoch } = frame;
    if (this.#jobs.get(jobId)?.summary.agentId !== agentId) {
      throw new AppError("JOB_NOT_FOUND", "This job was never given to this agent.");
    }
    const result = unwrap(
      await this.#job(jobId).ingest(attempt, frame.from, frame.items, frame.head, Date.now()),
    );
    const changed = this.#jobs.update(result.summary);
    this.#sessions.send(
      socket,
      result.expected === null
        ? { type: "ack", epoch, jobId, attempt, upTo: result.acked }
        : { type: "nack", epoch, jobId, attempt, expected: result.expected },
    );
    if (changed && isTerminal(result.summary.state)) {
      this.#live.delete(jobId);
      await this.#dispatch(agentId);
    }
  }

  override webSocketClose(socket: WebSocket): void {
    this.#ended(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#ended(socket);
  }

  #ended(socket: WebSocket): void {
    const { agentId, epoch } = this.#sessions.attachmentOf(socket);
    if (epoch === null || this.#sessions.known(agentId)?.epoch !== epoch) return;
    this.#sessions.ended(agentId, Date.now());
    this.#calls.failFor(agentId, (callId) => this.#calls.kept(callId) !== null);
  }

  // ---- calls ---------------------------------------------------------------------------------

  #sendCall(call: { agentId: string; callId: string; operation: string; argsHash: string; args: unknown }): boolean {
    const socket = this.#sessions.currentSocket(call.agentId);
    const epoch = this.#sessions.known(call.agentId)?.epoch;
    if (socket === null || epoch === undefined) return false;
    this.#sessions.send(socket, {
      type: "call",
      epoch,
      callId: call.callId,
      operation: call.operation,
      argsHash: call.argsHash,
      args: call.args,
    });
    return true;
  }

  #requireConnected(agentId: string): void {
    if (this.#sessions.currentSocket(agentId) !== null) return;
    const seen = this.#sessions.lastSeenAtMs(agentId);
    throw new AppError(
      "AGENT_OFFLINE",
      seen === null ? "No agent has ever connected." : "The box is not connected.",
      {
        hint: "Start the agent on the GPU box (`npm start` or `trainyard agent`), then call list-agents.",
        details: { agent_id: agentId, last_seen_at: seen === null ? null : new Date(seen).toISOString() },
      },
    );
  }

  /** One call that reads, or whose effect is a file the caller sends again. Fails with the connection. */
  call(agentId: string, operation: OperationName, args: unknown): Promise<Outcome<unknown>> {
    this.#requests += 1;
    return outcomeOf(async () => {
      this.#requireConnected(agentId);
      const known = this.#sessions.known(agentId);
      if (known !== null && !known.capabilities.operations.includes(operation)) {
        throw new AppError("AGENT_OUTDATED", `The box's agent does not know ${operation}.`, {
          hint: "Update Trainyard on the box.",
        });
      }
      const call = await this.#calls.prepare(agentId, operation, args);
      const answer = this.#calls.wait(call, operation);
      this.#sendCall(call);
      return answer;
    });
  }

  // ---- jobs ----------------------------------------------------------------------------------

  /** Idempotent by key; the answer comes when the job is queued, not when its process runs. */
  startJob(request: StartRequest): Promise<Outcome<StartResult>> {
    this.#requests += 1;
    return outcomeOf(async () => {
      const { snapshot } = request;
      const now = Date.now();
      const earlier = this.#starts.find(request.idempotencyKey, request.argsHash, now);
      if (earlier !== null) {
        const known = this.#jobs.get(earlier);
        if (known !== null) return { ...this.#view(known), duplicate: true };
      }
      const waiting = this.#jobs.waiting(snapshot.agentId, snapshot.slot).length;
      if (waiting >= limits.queueLength) {
        throw new AppError("QUOTA_EXCEEDED", `The queue of this GPU holds ${limits.queueLength} jobs already.`, {
          hint: "Stop some queued jobs first.",
        });
      }
      // The key first: a crash after it and before the job is repaired by the same key creating the same job.
      this.#starts.keep(request.idempotencyKey, request.argsHash, snapshot.jobId, now);
      const summary = unwrap(await this.#job(snapshot.jobId).create(snapshot));
      this.#jobs.add(summary);
      await this.#dispatch(snapshot.agentId);
      const job = this.#jobs.get(snapshot.jobId);
      if (job === null) throw new Error("a job that was just added is gone");
      return { ...this.#view(job), duplicate: false };
    });
  }

  /** One process per slot: the oldest waiting job goes to the box when its slot is free and the box is there. */
  async #dispatch(agentId: string): Promise<void> {
    if (this.#sessions.currentSocket(agentId) === null) return;
    const slots = this.#sessions.known(agentId)?.capabilities.slots ?? [];
    for (const slot of slots) {
      if (this.#jobs.occupant(agentId, slot) !== null) continue;
      const next = this.#jobs.waiting(agentId, slot)[0];
      if (next === undefined) continue;
      const { jobId } = next.summary;
      // Taken before the first await, or a second dispatch would take it too.
      this.#jobs.markDispatched(jobId, true);
      const { snapshot, summary } = unwrap(await this.#job(jobId).describe());
      const args: OperationArgs<"start-attempt"> = {
        jobId,
        attempt: summary.attempt + 1,
        jobName: snapshot.jobName,
        trainer: snapshot.trainer,
        document: snapshot.document,
        guardrails: snapshot.guardrails,
        slot,
        totalSteps: snapshot.totalSteps,
      };
      const call = { ...(await this.#calls.prepare(agentId, "start-attempt", args)), jobId };
      this.#calls.keep(call);
      this.#sendCall(call);
    }
  }

  /** The effect of a durable call's result, once: its row goes in the same turn. */
  async #settleKept(
    call: DurableCall,
    ok: boolean,
    outcome: { readonly value?: unknown; readonly error?: { code: string; message: string; hint?: string | undefined } },
  ): Promise<void> {
    const now = Date.now();
    if (call.operation === "start-attempt" && !ok) {
      const error = outcome.error;
      this.#jobs.update(
        unwrap(
          await this.#job(call.jobId).endBeforeStart(
            {
              state: "failed",
              stop: null,
              failure: {
                code: error?.code === "TRAINER_NOT_FOUND" ? "TRAINER_NOT_FOUND" : "START_REFUSED",
                message: error?.message.slice(0, 500) ?? "The box refused the start.",
                fix: error?.hint?.slice(0, 500) ?? "Correct what it names and start again.",
              },
              evidence: { refused_with: error?.code ?? null },
            },
            now,
          ),
        ),
      );
    }
    if (call.operation === "stop-attempt" && ok) {
      const value = operations["stop-attempt"].value.safeParse(outcome.value);
      if (value.success && value.data.outcome === "not-started") await this.#cancel(call.jobId, now);
    }
    this.#calls.forget(call.callId);
    await this.#dispatch(call.agentId);
  }

  async #cancel(jobId: string, nowMs: number): Promise<void> {
    const current = unwrap(await this.#job(jobId).summary());
    const summary = unwrap(
      await this.#job(jobId).endBeforeStart(
        { state: "stopped", stop: current.stop, failure: null, evidence: { end: "not-started" } },
        nowMs,
      ),
    );
    this.#jobs.update(summary);
  }

  /** What is wanted is written first; a box that is off gets it with its next hello. */
  stopJob(
    jobId: string,
    mode: "checkpoint" | "now",
    by: string,
    reason: string,
  ): Promise<Outcome<JobView & { readonly delivered: boolean }>> {
    this.#requests += 1;
    return outcomeOf(async () => {
      const job = this.#jobs.get(jobId);
      if (job === null) throw unknownJob(jobId);
      const { agentId, state } = job.summary;
      if (isTerminal(state)) return { ...this.#view(job), delivered: true };
      const now = Date.now();
      this.#jobs.update(unwrap(await this.#job(jobId).noteStopWanted({ by, reason, mode, atMs: now })));
      if (state === "queued" && !job.dispatched) {
        await this.#cancel(jobId, now);
        await this.#dispatch(agentId);
        return { ...this.#view(this.#jobs.get(jobId) ?? job), delivered: true };
      }
      const args: OperationArgs<"stop-attempt"> = {
        jobId,
        attempt: Math.max(1, job.summary.attempt),
        mode,
        by,
        reason,
      };
      const call = { ...(await this.#calls.prepare(agentId, "stop-attempt", args)), jobId };
      this.#calls.keep(call);
      const answer = this.#calls.wait(call, "stop-attempt", 5_000);
      const sent = this.#sendCall(call);
      const delivered = sent && (await answer.then(() => true, () => false));
      if (!sent) void answer.catch(() => undefined); // settled by the next connection, or by its time-out
      return { ...this.#view(this.#jobs.get(jobId) ?? job), delivered };
    });
  }

  viewJob(jobId: string, watch: boolean): Promise<Outcome<JobView>> {
    this.#requests += 1;
    return outcomeOf(() => {
      const job = this.#jobs.get(jobId);
      if (job === null) throw unknownJob(jobId);
      if (watch && !isTerminal(job.summary.state)) this.#watch(job);
      return this.#view(job);
    });
  }

  #watch(job: IndexedJob): void {
    const { jobId, agentId } = job.summary;
    const now = Date.now();
    const untilMs = this.#watchedUntilMs.get(jobId) ?? 0;
    // Renewed at half time: a caller that polls every second must not cost a message every second.
    if (untilMs - now > limits.watchedForMs / 2) return;
    this.#watchedUntilMs.set(jobId, now + limits.watchedForMs);
    this.#sendWatch(agentId, jobId, limits.watchedForMs);
  }

  #sendWatch(agentId: string, jobId: string, forMs: number): void {
    const socket = this.#sessions.currentSocket(agentId);
    const epoch = this.#sessions.known(agentId)?.epoch;
    if (socket === null || epoch === undefined) return;
    this.#sessions.send(socket, { type: "watch", epoch, jobId, forMs: Math.round(forMs) });
  }

  #view(job: IndexedJob): JobView {
    const { jobId, agentId } = job.summary;
    return {
      summary: job.summary,
      connectivity: this.#sessions.connectivity(agentId, Date.now()),
      agentSeenAtMs: this.#sessions.lastSeenAtMs(agentId),
      live: this.#live.get(jobId) ?? null,
      queuePosition: this.#jobs.queuePosition(jobId),
    };
  }

  listJobs(filter: JobFilter): Promise<Outcome<JobListing>> {
    this.#requests += 1;
    return outcomeOf(() => {
      const page = this.#jobs.list(filter);
      return { jobs: page.jobs.map((job) => this.#view(job)), total: page.total, next: page.next };
    });
  }

  // ---- agents, configs, snapshots --------------------------------------------------------------

  listAgents(): Promise<Outcome<AgentView[]>> {
    this.#requests += 1;
    return outcomeOf(() => {
      const now = Date.now();
      return this.#sessions.agents().map((agent) => {
        const active = this.#jobs.active(agent.agentId);
        return {
          ...agent,
          connectivity: this.#sessions.connectivity(agent.agentId, now),
          seenAtMs: this.#sessions.lastSeenAtMs(agent.agentId) ?? agent.lastSeenAtMs,
          activeJobIds: active
            .filter((job) => job.summary.state !== "queued" || job.dispatched)
            .map((job) => job.summary.jobId),
          queueLength: active.filter((job) => job.summary.state === "queued" && !job.dispatched).length,
        };
      });
    });
  }

  putConfig(config: StoredConfig, overwrite: boolean): Promise<Outcome<"created" | "unchanged" | "overwritten">> {
    this.#requests += 1;
    return outcomeOf(() => this.#configs.put(config, overwrite));
  }

  readConfig(name: string): Promise<Outcome<StoredConfig | null>> {
    this.#requests += 1;
    return outcomeOf(() => this.#configs.read(name));
  }

  listConfigs(): Promise<Outcome<StoredConfig[]>> {
    this.#requests += 1;
    return outcomeOf(() => this.#configs.list());
  }

  readSnapshot(key: string): Promise<Outcome<Snapshot | null>> {
    this.#requests += 1;
    return outcomeOf(() => this.#snapshots.read(key));
  }

  keepSnapshot(key: string, body: string): Promise<Outcome<null>> {
    this.#requests += 1;
    return outcomeOf(() => {
      this.#snapshots.keep(key, body, Date.now());
      return null;
    });
  }

  usage(): Usage {
    return { rowsWritten: this.#store.rowsWritten(), requests: this.#requests, messages: this.#messages };
  }
}

function unknownJob(jobId: string): AppError {
  return new AppError("JOB_NOT_FOUND", "There is no such job.", {
    hint: "Call list-training-jobs for the jobs there are.",
    details: { job_id: jobId.slice(0, 80) },
  });
}
