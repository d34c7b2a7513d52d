import { DurableObject } from "cloudflare:workers";
import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Connectivity } from "@trainyard/shared/protocol/edge-session.ts";
import type { OperationName } from "@trainyard/shared/protocol/operations.ts";
import { pingText, pongText, subprotocol } from "@trainyard/shared/protocol/version.ts";
import type { Env } from "../env.ts";
import { outcomeOf } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { createStore, migrate } from "../storage.ts";
import type { Store } from "../storage.ts";
import { jobOf } from "../stubs.ts";
import type { JobClient } from "../stubs.ts";
import type { Usage } from "../usage.ts";
import { createCalls } from "./calls.ts";
import type { Calls, PendingCall } from "./calls.ts";
import { createConfigShelf } from "./config-shelf.ts";
import type { ConfigShelf, StoredConfig } from "./config-shelf.ts";
import { createJobIndex } from "./job-index.ts";
import type { IndexedJob, JobFilter, JobIndex } from "./job-index.ts";
import { createLink } from "./link.ts";
import type { Link } from "./link.ts";
import { createQueue, unknownJob } from "./queue.ts";
import type { Queue, StartRequest, StopRequest } from "./queue.ts";
import { challenge, closeCodes, createSessions, isOverdue } from "./sessions.ts";
import type { KnownAgent, Sessions } from "./sessions.ts";
import { createSnapshots } from "./snapshots.ts";
import type { Snapshot, Snapshots } from "./snapshots.ts";
import { createStarts } from "./starts.ts";
import { hubMigrations } from "./tables.ts";
import { createWatching } from "./watching.ts";
import type { LiveHead, Watching } from "./watching.ts";

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
  readonly live: LiveHead | null;
  readonly queuePosition: number | null;
}

export interface JobListing {
  readonly jobs: readonly JobView[];
  readonly total: number;
  readonly next: number | null;
}

export interface StartResult extends JobView {
  readonly duplicate: boolean;
}

/**
 * One owner's front office: enrolled agents and their sessions, calls in flight, the queue of each slot, the index of jobs,
 * saved configs. Bytes and series never pass through here. The object itself only composes and answers RPC.
 */
export class Hub extends DurableObject<Env> {
  readonly #store: Store;
  #sessions!: Sessions;
  #calls!: Calls;
  #jobs!: JobIndex;
  #queue!: Queue;
  #watching!: Watching;
  #link!: Link;
  #configs!: ConfigShelf;
  #snapshots!: Snapshots;
  readonly #helloTimers = new Map<string, ReturnType<typeof setTimeout>>();
  #requests = 0;
  #messages = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = createStore(ctx.storage);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(pingText, pongText));
    void ctx.blockConcurrencyWhile(async () => {
      migrate(this.#store, hubMigrations);
      this.#compose();
    });
  }

  #compose(): void {
    const job = (jobId: string): JobClient => jobOf(this.env, this.ctx.id.name ?? "", jobId);
    const sendCall = (call: PendingCall): boolean => this.#sendCall(call);
    const sessions = createSessions(this.ctx, this.#store);
    const calls = createCalls(this.#store);
    const jobs = createJobIndex(this.#store);
    const queue = createQueue({
      jobs,
      calls,
      starts: createStarts(this.#store),
      sessions,
      job,
      sendCall,
    });
    const watching = createWatching((jobId, forMs) => this.#sendWatch(jobId, forMs));
    this.#sessions = sessions;
    this.#calls = calls;
    this.#jobs = jobs;
    this.#queue = queue;
    this.#watching = watching;
    this.#link = createLink({
      sessions,
      calls,
      jobs,
      queue,
      watching,
      job,
      sendCall,
      now: () => Date.now(),
    });
    this.#configs = createConfigShelf(this.#store);
    this.#snapshots = createSnapshots(this.#store);
  }

  // ---- the agent socket ------------------------------------------------------------------------

  /** The Worker has looked the agent up and names it and its key in headers of its own. */
  override async fetch(request: Request): Promise<Response> {
    this.#requests += 1;
    const agentId = request.headers.get("x-trainyard-agent") ?? "";
    const publicKey = request.headers.get("x-trainyard-public-key") ?? "";
    const now = Date.now();
    this.#closeOverdue(agentId, now);
    const client = challenge(this.ctx, { agentId, publicKey }, new URL(request.url).origin, now);
    // Ends with the first message; a restart in between leaves the socket to the sweep above.
    clearTimeout(this.#helloTimers.get(agentId) ?? null);
    const timer = setTimeout(
      () => this.#closeOverdue(agentId, Date.now()),
      limits.helloTimeoutMs + 50,
    );
    this.#helloTimers.set(agentId, timer);
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { "sec-websocket-protocol": subprotocol },
    });
  }

  #closeOverdue(agentId: string, nowMs: number): void {
    for (const socket of this.#sessions.socketsOf(agentId)) {
      if (isOverdue(this.#sessions.attachmentOf(socket), nowMs)) {
        socket.close(closeCodes.helloTimeout, "No hello in time.");
      }
    }
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    this.#messages += 1;
    const { agentId, epoch } = this.#sessions.attachmentOf(socket);
    if (epoch === null) {
      // A pending timer would keep the object from sleeping.
      clearTimeout(this.#helloTimers.get(agentId) ?? null);
      this.#helloTimers.delete(agentId);
    }
    await this.#link.message(socket, data);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#link.ended(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#link.ended(socket);
  }

  #sendCall({ agentId, callId, operation, argsHash, args }: PendingCall): boolean {
    const socket = this.#sessions.currentSocket(agentId);
    const epoch = this.#sessions.known(agentId)?.epoch;
    if (socket === null || epoch === undefined) return false;
    this.#sessions.send(socket, { type: "call", epoch, callId, operation, argsHash, args });
    return true;
  }

  #sendWatch(jobId: string, forMs: number): void {
    const agentId = this.#jobs.get(jobId)?.summary.agentId;
    if (agentId === undefined) return;
    const socket = this.#sessions.currentSocket(agentId);
    const epoch = this.#sessions.known(agentId)?.epoch;
    if (socket === null || epoch === undefined) return;
    this.#sessions.send(socket, { type: "watch", epoch, jobId, forMs: Math.round(forMs) });
  }

  // ---- calls ---------------------------------------------------------------------------------

  /** One call that reads, or whose effect is a file the caller sends again. Fails with the connection ([C3]). */
  call(agentId: string, operation: OperationName, args: unknown): Promise<Outcome<unknown>> {
    return this.#answer(async () => {
      this.#requireConnected(agentId);
      if (this.#sessions.known(agentId)?.capabilities.operations.includes(operation) === false) {
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

  #requireConnected(agentId: string): void {
    if (this.#sessions.currentSocket(agentId) !== null) return;
    const seen = this.#sessions.lastSeenAtMs(agentId);
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
  }

  // ---- jobs ----------------------------------------------------------------------------------

  startJob(request: StartRequest): Promise<Outcome<StartResult>> {
    return this.#answer(async () => {
      const { job, duplicate } = await this.#queue.start(request, Date.now());
      return { ...this.#view(job), duplicate };
    });
  }

  stopJob(request: StopRequest): Promise<Outcome<JobView & { readonly delivered: boolean }>> {
    return this.#answer(async () => {
      const { job, delivered } = await this.#queue.stop(request, Date.now());
      return { ...this.#view(job), delivered };
    });
  }

  /** `watch`: the caller is interested in the newest value, so the live lane opens for a minute. */
  viewJob(jobId: string, watch: boolean): Promise<Outcome<JobView>> {
    return this.#answer(() => {
      const job = this.#jobs.get(jobId);
      if (job === null) throw unknownJob(jobId);
      if (watch && !isTerminal(job.summary.state)) this.#watching.watch(jobId, Date.now());
      return this.#view(job);
    });
  }

  listJobs(filter: JobFilter): Promise<Outcome<JobListing>> {
    return this.#answer(() => {
      const page = this.#jobs.list(filter);
      return { jobs: page.jobs.map((job) => this.#view(job)), total: page.total, next: page.next };
    });
  }

  #view({ summary }: IndexedJob): JobView {
    const { jobId, agentId } = summary;
    return {
      summary,
      connectivity: this.#sessions.connectivity(agentId, Date.now()),
      agentSeenAtMs: this.#sessions.lastSeenAtMs(agentId),
      live: this.#watching.live(jobId),
      queuePosition: this.#jobs.queuePosition(jobId),
    };
  }

  // ---- agents, configs, snapshots --------------------------------------------------------------

  listAgents(): Promise<Outcome<AgentView[]>> {
    return this.#answer(() => {
      const now = Date.now();
      return this.#sessions.agents().map((agent) => {
        const active = this.#jobs.active(agent.agentId);
        const waits = (job: IndexedJob): boolean =>
          job.summary.state === "queued" && !job.dispatched;
        return {
          ...agent,
          connectivity: this.#sessions.connectivity(agent.agentId, now),
          seenAtMs: this.#sessions.lastSeenAtMs(agent.agentId) ?? agent.lastSeenAtMs,
          activeJobIds: active.filter((job) => !waits(job)).map((job) => job.summary.jobId),
          queueLength: active.filter(waits).length,
        };
      });
    });
  }

  putConfig(
    config: StoredConfig,
    overwrite: boolean,
  ): Promise<Outcome<"created" | "unchanged" | "overwritten">> {
    return this.#answer(() => this.#configs.put(config, overwrite));
  }

  readConfig(name: string): Promise<Outcome<StoredConfig | null>> {
    return this.#answer(() => this.#configs.read(name));
  }

  listConfigs(): Promise<Outcome<StoredConfig[]>> {
    return this.#answer(() => this.#configs.list());
  }

  readSnapshot(key: string): Promise<Outcome<Snapshot | null>> {
    return this.#answer(() => this.#snapshots.read(key));
  }

  keepSnapshot(key: string, body: string): Promise<Outcome<null>> {
    return this.#answer(() => {
      this.#snapshots.keep(key, body, Date.now());
      return null;
    });
  }

  usage(): Usage {
    return {
      rowsWritten: this.#store.rowsWritten(),
      requests: this.#requests,
      messages: this.#messages,
    };
  }

  #answer<Value>(work: () => Value | Promise<Value>): Promise<Outcome<Value>> {
    this.#requests += 1;
    return outcomeOf(work);
  }
}
