import { DurableObject } from "cloudflare:workers";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
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
import type { AlertRequestName, AlertRequests } from "./alert-requests.ts";
import { createAlerts } from "./alerts.ts";
import type { Alerts } from "./alerts.ts";
import { createAnnouncing } from "./announcing.ts";
import { createBoxes } from "./boxes.ts";
import type { Boxes } from "./boxes.ts";
import { browse } from "./browsing.ts";
import type { BrowseName, BrowseRequests } from "./browsing.ts";
import { createCalls } from "./calls.ts";
import { createConfigShelf } from "./config-shelf.ts";
import { askConfigs } from "./config-requests.ts";
import type { ConfigRequestName, ConfigRequests } from "./config-requests.ts";
import type { ConfigShelf } from "./config-shelf.ts";
import { createJobIndex } from "./job-index.ts";
import type { IndexedJob, JobFilter, JobIndex } from "./job-index.ts";
import { createLink } from "./link.ts";
import type { Link } from "./link.ts";
import { createLinkEnds } from "./link-ends.ts";
import type { LinkEnds, LinkRequestName, LinkRequests } from "./link-ends.ts";
import { createQueue, unknownJob } from "./queue.ts";
import type { GuardrailChange, Queue, StartRequest, StopRequest } from "./queue.ts";
import { challenge, closeCodes, createSessions, isOverdue } from "./sessions.ts";
import type { Sessions } from "./sessions.ts";
import { createSnapshots } from "./snapshots.ts";
import type { Snapshot, Snapshots } from "./snapshots.ts";
import { createStarts } from "./starts.ts";
import { hubMigrations } from "./tables.ts";
import { createViews } from "./views.ts";
import type { AgentView, JobListing, JobView, StartResult, Views } from "./views.ts";
import { createWatching } from "./watching.ts";
import type { Watching } from "./watching.ts";

export type { AgentView, JobListing, JobView, StartResult } from "./views.ts";

/**
 * One owner's front office: enrolled agents and their sessions, calls in flight, the queue of each slot, the index of jobs,
 * saved configs. Bytes and series never pass through here. The object itself only composes and answers RPC.
 */
export class Hub extends DurableObject<Env> {
  readonly #store: Store;
  #sessions!: Sessions;
  #boxes!: Boxes;
  #jobs!: JobIndex;
  #queue!: Queue;
  #watching!: Watching;
  #link!: Link;
  #configs!: ConfigShelf;
  #snapshots!: Snapshots;
  #alerts!: Alerts;
  #linkEnds!: LinkEnds;
  #views!: Views;
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
      this.#alerts.begin(await ctx.storage.getAlarm());
    });
  }

  #compose(): void {
    const job = (jobId: string): JobClient => jobOf(this.env, this.ctx.id.name ?? "", jobId);
    const sessions = createSessions(this.ctx, this.#store);
    const calls = createCalls(this.#store);
    const jobs = createJobIndex(this.#store);
    const boxes = createBoxes({ sessions, calls, jobs });
    const { sendCall } = boxes;
    const alerts = createAlerts({
      store: this.#store,
      sessions,
      jobs,
      job,
      env: this.env,
      append: (agentId, args) => boxes.appendAlerts(agentId, args),
      setAlarm: (atMs) => void this.ctx.storage.setAlarm(atMs),
      now: () => Date.now(),
    });
    const queue = createQueue({
      refused: (summary) => alerts.refused(summary),
      jobs,
      calls,
      starts: createStarts(this.#store),
      sessions,
      job,
      sendCall,
    });
    const watching = createWatching((jobId, forMs) => boxes.sendWatch(jobId, forMs));
    this.#sessions = sessions;
    this.#boxes = boxes;
    this.#jobs = jobs;
    this.#queue = queue;
    this.#watching = watching;
    this.#alerts = alerts;
    this.#views = createViews({ sessions, jobs, watching });
    this.#link = createLink({
      announcing: createAnnouncing({ jobs, sessions, job, owner: this.ctx.id.name ?? "" }),
      alerts,
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
    this.#linkEnds = createLinkEnds(this.#store);
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

  // ---- calls ---------------------------------------------------------------------------------

  /** One call that reads, or whose effect is a file the caller sends again. Fails with the connection ([C3]). */
  call(agentId: string, operation: OperationName, args: unknown): Promise<Outcome<unknown>> {
    return this.#answer(() => this.#boxes.call(agentId, operation, args));
  }

  // ---- jobs ----------------------------------------------------------------------------------

  startJob(request: StartRequest): Promise<Outcome<StartResult>> {
    return this.#answer(async () => {
      const { job, duplicate } = await this.#queue.start(request, Date.now());
      this.#alerts.arm();
      return { ...this.#view(job), duplicate };
    });
  }

  resumeJob(
    jobId: string,
    wish: { readonly by: string; readonly steps: number | null },
  ): Promise<Outcome<JobView & { readonly resumed: boolean }>> {
    return this.#answer(async () => {
      const { job, resumed } = await this.#queue.resume(jobId, { ...wish, atMs: Date.now() });
      // Whoever watched saw the attempt before.
      if (resumed) this.#watching.forget(jobId);
      this.#alerts.arm();
      return { ...this.#view(job), resumed };
    });
  }

  stopJob(request: StopRequest): Promise<Outcome<JobView & { readonly delivered: boolean }>> {
    return this.#answer(async () => {
      const { job, delivered } = await this.#queue.stop(request, Date.now());
      return { ...this.#view(job), delivered };
    });
  }

  changeGuardrails(
    jobId: string,
    change: Partial<GuardrailRules>,
  ): Promise<Outcome<JobView & GuardrailChange>> {
    return this.#answer(async () => {
      const changed = await this.#queue.changeGuardrails(jobId, change);
      const job = this.#jobs.get(jobId);
      if (job === null) throw unknownJob(jobId);
      return { ...this.#view(job), ...changed };
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

  #view(job: IndexedJob): JobView {
    return this.#views.job(job, Date.now());
  }

  // ---- agents, configs, snapshots --------------------------------------------------------------

  listAgents(): Promise<Outcome<AgentView[]>> {
    return this.#answer(() => this.#views.agents(Date.now()));
  }

  /** What config-requests.ts lists. */
  configs<Name extends ConfigRequestName>(
    name: Name,
    request: ConfigRequests[Name]["request"],
  ): Promise<Outcome<ConfigRequests[Name]["answer"]>> {
    return this.#answer(() => askConfigs(this.#configs, name, request, Date.now()));
  }

  browse<Name extends BrowseName>(
    name: Name,
    request: BrowseRequests[Name]["request"],
  ): Promise<Outcome<BrowseRequests[Name]["answer"]>> {
    return this.#answer(() => browse({ configs: this.#configs, jobs: this.#jobs }, name, request));
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

  /** File links that were taken back or used up. */
  links<Name extends LinkRequestName>(
    name: Name,
    request: LinkRequests[Name]["request"],
  ): Promise<Outcome<LinkRequests[Name]["answer"]>> {
    return this.#answer(() => this.#linkEnds.answer(name, request, Date.now()));
  }

  // ---- alerts ------------------------------------------------------------------------------------

  /** Routes, deliveries and what else alert-requests.ts lists. */
  alerts<Name extends AlertRequestName>(
    name: Name,
    request: AlertRequests[Name]["request"],
  ): Promise<Outcome<AlertRequests[Name]["answer"]>> {
    return this.#answer(() => this.#alerts.answer(name, request));
  }

  override async alarm(): Promise<void> {
    this.#requests += 1;
    await this.#alerts.alarm();
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
