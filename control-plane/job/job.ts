import { DurableObject } from "cloudflare:workers";
import type { Alert } from "@trainyard/shared/alerts/alert.ts";
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { jobSnapshotSchema } from "@trainyard/shared/jobs/snapshot.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import { parseNonFinite, stringifyNonFinite } from "@trainyard/shared/non-finite-json.ts";
import { receiveFrame } from "@trainyard/shared/protocol/stream-receiver.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import type { Env } from "../env.ts";
import { outcomeOf } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { createStore, migrate, text } from "../storage.ts";
import type { Store } from "../storage.ts";
import type { Usage } from "../usage.ts";
import { applyHead, queuedBefore, summarise } from "./attempt-state.ts";
import type { AttemptState, BeforeStart } from "./attempt-state.ts";
import { earlierAttempts } from "./earlier-attempts.ts";
import type { EarlierAttempts } from "./earlier-attempts.ts";
import { changedGuardrails, guardrailsOf } from "./guardrails.ts";
import type { JobGuardrails } from "./guardrails.ts";
import { applyFrame, attemptOf, newestAttempt, writeHead } from "./live-attempt.ts";
import type { LiveAttempt } from "./live-attempt.ts";
import { gatherFacts } from "./run-facts.ts";
import { readSeries } from "./series.ts";
import type { SeriesPage, SeriesQuery } from "./series.ts";
import { addToTimeline, mergeByTime, timelineEvents } from "./timeline.ts";
import { thinSeries } from "./thin-series.ts";
import type { ThinnedSeries } from "./thin-series.ts";
import { jobMigrations } from "./tables.ts";
import { endedBeforeStart, resumed } from "./wanted-attempt.ts";
import type { ResumeRequest } from "./wanted-attempt.ts";

export interface Ingestion {
  /** Everything up to here is committed. */
  readonly acked: number;
  /** Set when the frame left a hole. */
  readonly expected: number | null;
  readonly summary: JobSummary;
}

export interface Announcement {
  readonly summary: JobSummary;
  /** 0 before the first. */
  readonly attempt: number;
  readonly acked: number;
  readonly state: JobState;
  /** Highest step of its metrics. */
  readonly lastStep: number | null;
}

export interface JobEvent {
  readonly attempt: number;
  readonly seq: number;
  readonly item: Exclude<Item, { kind: "metrics" }>;
}

export interface JobDescription {
  readonly snapshot: JobSnapshot;
  readonly summary: JobSummary;
  readonly guardrails: JobGuardrails;
  /** Of the attempts to come; a resume may have raised it. */
  readonly totalSteps: number | null;
  readonly attempts: readonly AttemptState[];
  readonly logTail: readonly string[];
}

/**
 * One job: its attempts, every event, all series. It answers every question about the job without the box. Memory is a
 * cache of the newest attempt; whatever it says is committed first.
 */
export class Job extends DurableObject<Env> {
  readonly #store: Store;
  #current: LiveAttempt | null = null;
  /** Null until it is needed again. */
  #earlier: EarlierAttempts | null = null;
  #snapshot: JobSnapshot | null = null;
  #before: BeforeStart = queuedBefore;
  #requests = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = createStore(ctx.storage);
    void ctx.blockConcurrencyWhile(async () => {
      migrate(this.#store, jobMigrations);
      this.#load();
    });
  }

  #load(): void {
    const row = this.#store.first("SELECT snapshot, before FROM job WHERE id = 1");
    this.#snapshot =
      row === null ? null : jobSnapshotSchema.parse(JSON.parse(text(row, "snapshot")));
    this.#before = row === null ? queuedBefore : parseNonFinite<BeforeStart>(text(row, "before"));
    this.#current = newestAttempt(this.#store);
    this.#earlier = null;
  }

  #known(): JobSnapshot {
    if (this.#snapshot === null) {
      throw new AppError("JOB_NOT_FOUND", "There is no such job.", {
        hint: "Call list-training-jobs for the jobs there are.",
      });
    }
    return this.#snapshot;
  }

  #summary(): JobSummary {
    const newest = this.#current?.state ?? null;
    this.#earlier ??= earlierAttempts(this.#store, newest?.attempt ?? 0);
    return summarise(this.#known(), this.#before, newest, this.#earlier);
  }

  /** Creating twice with the same id changes nothing: the Hub may repeat it after a crash. */
  create(snapshot: JobSnapshot): Promise<Outcome<JobSummary>> {
    this.#requests += 1;
    return outcomeOf(() => {
      this.#ensure(snapshot);
      return this.#summary();
    });
  }

  #ensure(snapshot: JobSnapshot): JobSnapshot {
    if (this.#snapshot !== null) return this.#snapshot;
    this.#store.run(
      "INSERT INTO job (id, snapshot, before) VALUES (1, ?, ?)",
      JSON.stringify(snapshot),
      stringifyNonFinite(queuedBefore),
    );
    this.#snapshot = snapshot;
    return snapshot;
  }

  /**
   * Its box found it: made when it is not known. A job of another box's that came from a Web UI moves to the one that has that UI
   * now. Tells where the edge stands with its newest attempt.
   */
  announce(snapshot: JobSnapshot): Promise<Outcome<Announcement>> {
    this.#requests += 1;
    return outcomeOf(() => {
      const known = this.#ensure(snapshot);
      if (known.origin === "ui" && known.agentId !== snapshot.agentId) {
        const { agentId, agentName } = snapshot;
        this.#snapshot = { ...known, agentId, agentName };
        this.#store.run("UPDATE job SET snapshot = ? WHERE id = 1", JSON.stringify(this.#snapshot));
      }
      const live = this.#current;
      const keys = Object.values(live?.state.keys ?? {});
      return {
        summary: this.#summary(),
        attempt: live?.state.attempt ?? 0,
        acked: live?.acked ?? 0,
        state: live?.state.state ?? "queued",
        lastStep: keys.reduce<number | null>(
          (last, { lastStep }) => (lastStep === null ? last : Math.max(last ?? 0, lastStep)),
          null,
        ),
      };
    });
  }

  /** The job never reached a process: cancelled in the queue, or refused by the box. */
  endBeforeStart(end: Omit<BeforeStart, "endedAtMs">, nowMs: number): Promise<Outcome<JobSummary>> {
    this.#requests += 1;
    return outcomeOf(() => {
      this.#known();
      const before = endedBeforeStart(this.#before, this.#current?.state ?? null, end, nowMs);
      if (before !== this.#before) this.#setBefore(before);
      return this.#summary();
    });
  }

  /** Somebody wants it stopped: what is wanted is the edge's to say, what is, the agent's. */
  noteStopWanted(stop: NonNullable<JobSummary["stop"]>): Promise<Outcome<JobSummary>> {
    this.#requests += 1;
    return outcomeOf(() => {
      if (this.#before.stop === null && !isTerminal(this.#summary().state)) {
        this.#setBefore({ ...this.#before, stop });
      }
      return this.#summary();
    });
  }

  /** Another attempt is wanted; while the job lives nothing changes. Throws INVALID_ARGUMENT where nothing is left to train. */
  requestResume(request: ResumeRequest): Promise<Outcome<JobSummary>> {
    this.#requests += 1;
    return outcomeOf(() => {
      const summary = this.#summary();
      if (isTerminal(summary.state)) {
        this.#setBefore(resumed(this.#before, this.#current?.state ?? null, summary, request));
      }
      return this.#summary();
    });
  }

  /** The rules that are wanted from now on. Throws JOB_NOT_RUNNING. */
  changeGuardrails(change: Partial<GuardrailRules>): Promise<Outcome<JobGuardrails>> {
    this.#requests += 1;
    return outcomeOf(() => {
      const { wanted } = this.#guardrails();
      const guardrails = changedGuardrails(this.#summary().state, wanted, change);
      this.#setBefore({ ...this.#before, guardrails });
      return this.#guardrails();
    });
  }

  #guardrails(): JobGuardrails {
    return guardrailsOf(this.#known(), this.#before, this.#current?.state ?? null);
  }

  #setBefore(before: BeforeStart): void {
    this.#store.run("UPDATE job SET before = ? WHERE id = 1", stringifyNonFinite(before));
    this.#before = before;
  }

  /** A hello names the attempt: says what is committed, and takes the newest truth ahead of the catch-up. */
  attach(attempt: number, head: Head, nowMs: number): Promise<Outcome<Ingestion>> {
    this.#requests += 1;
    return outcomeOf(() => {
      this.#known();
      const live = this.#attempt(attempt);
      if (live === this.#current || attempt > (this.#current?.state.attempt ?? 0)) {
        live.state = applyHead(live.state, head, nowMs);
        if (live !== this.#current) this.#earlier = null;
        this.#current = live;
        this.#store.transaction(() => writeHead(this.#store, live));
      }
      return { acked: live.acked, expected: null, summary: this.#summary() };
    });
  }

  /**
   * One frame of the durable stream: one transaction, acknowledged by the caller afterwards. `from` is the number of the
   * first item. An older attempt's items are stored and never change the job's state, which is its newest attempt's.
   */
  ingest(
    attempt: number,
    from: number,
    items: readonly Item[],
    head: Head,
    nowMs: number,
  ): Promise<Outcome<Ingestion>> {
    this.#requests += 1;
    return outcomeOf(() => {
      this.#known();
      const live = this.#attempt(attempt);
      const reception = receiveFrame(live.acked, from, items.length);
      if (reception.kind === "hole") {
        return { acked: live.acked, expected: reception.expected, summary: this.#summary() };
      }
      if (reception.kind === "apply") {
        try {
          const frame = { from, items, skip: reception.skip, head, nowMs };
          this.#store.transaction(() => applyFrame(this.#store, live, frame));
        } catch (error) {
          // The cached segment may already hold rows that were rolled back: forget it, read what is committed.
          this.#load();
          throw error;
        }
        if (live !== this.#current) this.#earlier = null;
        if (attempt >= (this.#current?.state.attempt ?? 0)) this.#current = live;
      }
      return { acked: live.acked, expected: null, summary: this.#summary() };
    });
  }

  #attempt(attempt: number): LiveAttempt {
    return this.#current?.state.attempt === attempt
      ? this.#current
      : attemptOf(this.#store, attempt);
  }

  summary(): Promise<Outcome<JobSummary>> {
    this.#requests += 1;
    return outcomeOf(() => this.#summary());
  }

  describe(): Promise<Outcome<JobDescription>> {
    this.#requests += 1;
    return outcomeOf(() => ({
      snapshot: this.#known(),
      summary: this.#summary(),
      guardrails: this.#guardrails(),
      totalSteps: this.#before.totalSteps ?? this.#known().totalSteps,
      attempts: this.#store
        .rows("SELECT state FROM head ORDER BY attempt")
        .map((row) => parseNonFinite<AttemptState>(text(row, "state"))),
      logTail: this.#current?.state.logTail ?? [],
    }));
  }

  /** Events of the wanted kinds, oldest first; the newest `limit` of them. */
  events(kinds: readonly JobEvent["item"]["kind"][], limit: number): Promise<Outcome<JobEvent[]>> {
    this.#requests += 1;
    return outcomeOf(() => {
      this.#known();
      const stream = this.#store
        .rows(
          `SELECT attempt, seq, body FROM events WHERE kind IN (SELECT value FROM json_each(?))
           ORDER BY attempt DESC, seq DESC LIMIT ?`,
          JSON.stringify(kinds),
          limit,
        )
        .map((row) => ({
          attempt: Number(row["attempt"]),
          seq: Number(row["seq"]),
          item: JSON.parse(text(row, "body")) as JobEvent["item"],
        }))
        .reverse();
      if (!kinds.includes("alert")) return stream;
      const attempt = this.#current?.state.attempt ?? 0;
      return mergeByTime(stream, timelineEvents(this.#store, attempt, limit)).slice(-limit);
    });
  }

  /** Alerts from outside the job's own stream, once per delivery. */
  addAlerts(deliveryId: string, alerts: readonly Alert[]): Promise<Outcome<null>> {
    this.#requests += 1;
    return outcomeOf(() => {
      this.#known();
      addToTimeline(this.#store, deliveryId, alerts);
      return null;
    });
  }

  series(query: SeriesQuery): Promise<Outcome<SeriesPage>> {
    this.#requests += 1;
    return outcomeOf(() => {
      this.#known();
      return readSeries(this.#store, query);
    });
  }

  /** What judging looks at, from the head rows alone: the same cost after any number of steps. */
  facts(): Promise<Outcome<RunFacts>> {
    this.#requests += 1;
    return outcomeOf(() => gatherFacts(this.#store, this.#known(), this.#summary(), this.#current));
  }

  /** One key's series, thin enough for a chart. */
  chart(key: string): Promise<Outcome<ThinnedSeries>> {
    this.#requests += 1;
    return outcomeOf(() => {
      this.#known();
      return thinSeries(this.#store, key);
    });
  }

  usage(): Usage {
    return { rowsWritten: this.#store.rowsWritten(), requests: this.#requests, messages: 0 };
  }
}
