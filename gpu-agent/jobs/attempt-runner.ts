import { join } from "node:path";
import { judgeLoss } from "@trainyard/shared/analysis/guardrails.ts";
import type { ProcessEnd } from "@trainyard/shared/jobs/conclude.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { createAiToolkitReader } from "@trainyard/shared/logs/ai-toolkit-reader.ts";
import type { LogEvent, LogStream } from "@trainyard/shared/logs/ai-toolkit-reader.ts";
import type { Head, Item, StateItem } from "@trainyard/shared/protocol/items.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import { attemptFiles } from "../home.ts";
import type { Home } from "../home.ts";
import type { Log } from "../log.ts";
import { errorFields } from "../log.ts";
import type { Spool, SpoolChange, StreamKey } from "../spool.ts";
import { isDiskFull } from "../spool.ts";
import type { Time, Timer } from "../time.ts";
import type { Trainer } from "../trainers/trainer.ts";
import {
  newMemory,
  claimNan,
  pushPoint,
  remember,
  rememberAnnounced,
  rememberPoint,
} from "./attempt-memory.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import type { AttemptSpec, StopRecord } from "./attempt-spec.ts";
import { checkpointItems, concludeFromFiles, sampleItems } from "./conclude-attempt.ts";
import { createEndWatch } from "./end-watch.ts";
import type { LaunchShim } from "./shim-launcher.ts";
import { headOf } from "./head.ts";
import { openLogTail } from "./log-tail.ts";
import { openMetricsDatabase } from "./metrics-db.ts";
import type { MetricRow } from "./metrics-db.ts";
import type { ProcessView } from "./process-identity.ts";
import { beginStop, climb, hastenStop, ladderDeadlines, resumeStop } from "./stop-ladder.ts";
import type { LadderDeadlines, StopMode } from "./stop-ladder.ts";

export interface RunnerEnvironment {
  readonly home: Home;
  readonly spool: Spool;
  readonly time: Time;
  readonly log: Log;
  readonly processes: ProcessView;
  readonly bootId: string;
  readonly launchShim: LaunchShim;
  readonly signal: (pid: number, signal: "SIGINT" | "SIGTERM" | "SIGKILL") => void;
  readonly secrets: readonly KnownSecret[];
  readonly deadlines?: LadderDeadlines;
  /** Items became durable; `urgent` ones are sent at once. */
  readonly onCommitted: (key: StreamKey, urgent: boolean) => void;
}

export interface AttemptRunner {
  readonly key: StreamKey;
  readonly spec: AttemptSpec;
  state(): JobState;
  head(): Head;
  stop(wanted: { by: string; reason: string; mode: StopMode }): void;
  watch(forMs: number): void;
  /** Reads on until the attempt has ended or the runner is closed; resolves then. */
  readonly ended: Promise<void>;
  /** Saves what was read and lets go; the trainer runs on. */
  close(): void;
}

/** Chunks read before the loop lets others run: 1 MiB of log. */
const chunksAtOnce = 16;
const urgentKinds: ReadonlySet<Item["kind"]> = new Set([
  "state",
  "alert",
  "artifact",
  "gap",
  "checkpoint",
]);

export function runAttempt(
  key: StreamKey,
  stored: {
    readonly spec: AttemptSpec;
    readonly state: JobState;
    readonly process: StateItem["process"];
    readonly stop: StopRecord | null;
    readonly createdAtMs: number;
  },
  trainer: Trainer,
  environment: RunnerEnvironment,
): AttemptRunner {
  const { spool, time, log, home } = environment;
  const { spec } = stored;
  const { training, args } = spec;
  const files = attemptFiles(home, key.jobId, key.attempt);
  const outputFolder = join(home.outputs, training.outputName);
  const memory =
    (spool.reader(key) as AttemptMemory | null) ??
    newMemory(key.attempt === 1 ? 0 : null, training.totalSteps, time.now());
  const reader = createAiToolkitReader({
    jobName: training.name,
    state: memory.reader ?? undefined,
  });
  const tails = {
    stdout: openLogTail(files.stdout, memory.tails.stdout),
    stderr: openLogTail(files.stderr, memory.tails.stderr),
  };
  const metrics =
    training.metricsDatabase === null
      ? null
      : // An earlier attempt's rows are still in the file; the first attempt has the folder to itself.
        openMetricsDatabase(
          training.metricsDatabase,
          key.attempt === 1 ? 0 : stored.createdAtMs / 1000,
        );

  let state = stored.state;
  let stop =
    stored.stop === null
      ? null
      : { ...stored.stop, ladder: resumeStop(stored.stop.ladder, time.monotonic()) };
  let pending: Item[] = [];
  let patch: NonNullable<SpoolChange["attempt"]> = {};
  let heldRows: readonly MetricRow[] = [];
  let dirty = false;
  let stalled = false;
  let lastCommitAt = Number.NEGATIVE_INFINITY;
  let watchedUntil = 0;
  let timer: Timer | null = null;
  let closed = false;
  let concluding = false;
  let concluded = false;
  const { promise: ended, resolve: finished } = Promise.withResolvers<void>();
  const watch = createEndWatch({ key, files, spec, process: stored.process ?? null }, environment);

  const commit = (attempt?: SpoolChange["attempt"]): boolean => {
    patch = { ...patch, ...attempt };
    memory.tails = { stdout: tails.stdout.position(), stderr: tails.stderr.position() };
    memory.reader = reader.state();
    memory.observedAtMs = time.now();
    try {
      spool.commit(key, { items: pending, reader: memory, attempt: patch });
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      // Nothing is lost: the log is on disk, and reading goes on where the last commit stands.
      if (!stalled) log("error", "the spool cannot be written: the disk is full", { ...key });
      stalled = true;
      return false;
    }
    const urgent = pending.some((item) => urgentKinds.has(item.kind));
    const grew = pending.length > 0;
    pending = [];
    patch = {};
    dirty = false;
    stalled = false;
    lastCommitAt = time.monotonic();
    if (grew) environment.onCommitted(key, urgent);
    return true;
  };

  const say = (item: Omit<StateItem, "kind" | "atMs">): void => {
    pending.push({ kind: "state", atMs: time.now(), ...item });
    state = item.state;
  };

  const wantStop = (wanted: { by: string; reason: string; mode: StopMode }): void => {
    if (concluding) return;
    const nowMs = time.monotonic();
    if (stop !== null) {
      const hastened = hastenStop(stop.ladder, wanted.mode, nowMs);
      if (hastened === stop.ladder) return;
      stop = { ...stop, ladder: hastened };
      commit({ stop });
      return;
    }
    stop = {
      by: wanted.by,
      reason: wanted.reason,
      requestedAtMs: time.now(),
      ladder: beginStop(wanted.mode, { nowMs, savesSeen: memory.saves }),
    };
    say({ state: "stopping", stop: wanted });
    // The intent is durable before anything is done about it.
    commit({ state: "stopping", stop });
  };

  const takePoint = (row: MetricRow): void => {
    if (row.step <= memory.metricsStep || row.values.size === 0) return;
    rememberPoint(memory, row);
    pushPoint(pending, row, time.now());
    const loss = row.values.get("loss");
    if (loss === undefined) return;
    const judged = judgeLoss(args.guardrails, memory.guardrail, row.step, loss);
    memory.guardrail = judged.state;
    if (judged.trigger === null) return;
    const { code, severity, category, message, step, evidence } = judged.trigger;
    pending.push({
      kind: "alert",
      atMs: time.now(),
      step,
      code,
      severity,
      category,
      message,
      evidence,
      guardrail: true,
    });
    wantStop({ by: `guardrail:${code}`, reason: message, mode: "now" });
  };

  const takeEvents = (events: readonly LogEvent[]): void => {
    let saved = false;
    for (const event of events) {
      dirty = true;
      const consequence = remember(memory, event, metrics === null);
      if (consequence?.kind === "point") takePoint(consequence.row);
      if (consequence?.kind === "saved") saved = true;
      if (consequence?.kind === "start-step") say({ state, startStep: consequence.step });
    }
    if (saved) announceCheckpoints(false);
  };

  const outputs = { outputFolder, training, memory, createdAtMs: stored.createdAtMs };
  const announceCheckpoints = (last: boolean): void => {
    for (const { item, name } of checkpointItems(trainer, {
      ...outputs,
      nowMs: time.now(),
      last,
    })) {
      pending.push(item);
      rememberAnnounced(memory, name);
    }
  };
  const announceSamples = (): void => {
    for (const item of sampleItems(trainer, { ...outputs, nowMs: time.now() })) {
      pending.push(item);
      memory.sampleMark = { step: item.step, index: item.index };
    }
  };

  /** Reads one stream to its end or to the bound; true when the end was reached. */
  const readStream = (stream: LogStream): boolean => {
    for (let chunk = 0; chunk < chunksAtOnce; chunk += 1) {
      const { bytes, atEnd, truncated } = tails[stream].read();
      if (truncated) {
        pending.push({
          kind: "gap",
          atMs: time.now(),
          what: "log",
          fromStep: null,
          toStep: null,
          reason: `${stream} was truncated or replaced.`,
        });
      }
      if (bytes.byteLength > 0) takeEvents(reader.push(stream, bytes));
      if (atEnd) return true;
    }
    return false;
  };

  /** Database first, then the bar, then stdout: the `loss is nan` line of any row that was visible has then been read. */
  const readOutput = (final: boolean): boolean => {
    if (heldRows.length === 0 && metrics !== null)
      heldRows = metrics.read(memory.metricsStep, { final });
    const stderrEnd = readStream("stderr");
    const stdoutEnd = readStream("stdout");
    if (!stderrEnd || !stdoutEnd) return false;
    if (heldRows.length > 0) {
      const rows = heldRows;
      heldRows = [];
      dirty = true;
      for (const row of rows) takePoint(claimNan(memory, row));
      if (final) return false;
    }
    return true;
  };

  const climbLadder = (): void => {
    if (stop === null) return;
    const { ladder, effect } = climb(
      stop.ladder,
      {
        nowMs: time.monotonic(),
        alive: watch.alive(),
        saving: memory.saving,
        canSave: trainer.requestSave !== undefined,
        savesSeen: memory.saves,
      },
      environment.deadlines ?? ladderDeadlines,
    );
    if (ladder === stop.ladder) return;
    stop = { ...stop, ladder };
    // Saved first, so that it happens at most once; on a full disk it happens all the same.
    commit({ stop });
    if (effect === null) return;
    log("info", "stop ladder", { ...key, step: ladder.step });
    if (effect === "save") trainer.requestSave?.(files);
    else watch.signal(effect);
  };

  const conclude = async (end: ProcessEnd): Promise<void> => {
    concluding = true;
    takeEvents(reader.end());
    const forced = stop !== null && stop.ladder.step === "kill" && stop.ladder.acted;
    if (stop !== null) watch.killLeftovers();
    announceCheckpoints(true);
    announceSamples();
    const { conclusion, items } = await concludeFromFiles(
      {
        key,
        end,
        memory,
        stopWanted: stop,
        forced,
        training,
        outputFolder,
        createdAtMs: stored.createdAtMs,
      },
      trainer,
      environment,
    );
    if (closed) return;
    pending.push(...items);
    memory.phase = null;
    memory.remainingSeconds = null;
    // Last in the stream: whoever sees the end has seen everything before it.
    say({ state: conclusion.state, failure: conclusion.failure, evidence: conclusion.evidence });
    concluded = true;
  };

  const tick = async (): Promise<void> => {
    if (concluded) {
      if (commit({ state })) finish();
      return;
    }
    if (stalled && !commit()) return;
    // Looked at before reading: what the dead process wrote is then read to its end.
    const end = watch.look();
    const started = watch.takeStarted();
    if (started !== null) {
      // A stop that came first keeps its state.
      say({
        state: state === "starting" ? "running" : state,
        process: started,
        ...(memory.startStep === null ? {} : { startStep: memory.startStep }),
      });
      commit({ state, process: started });
    }
    const atEnd = readOutput(end !== null);
    if (memory.phase === "sampling" || memory.phase === "training") announceSamplesIfChanged();
    climbLadder();
    const due = time.monotonic() - lastCommitAt >= limits.spoolCommitMs;
    const urgent = pending.some((item) => urgentKinds.has(item.kind));
    if ((dirty || pending.length > 0) && (due || urgent)) commit();
    if (end === null || !atEnd) {
      if (!atEnd) schedule(0);
      return;
    }
    await conclude(end);
    if (!closed && commit({ state })) finish();
  };

  let samplesSeenAt = 0;
  const announceSamplesIfChanged = (): void => {
    // A listing each second at most: folders of samples grow to thousands.
    if (time.monotonic() - samplesSeenAt < sampleLookMs) return;
    samplesSeenAt = time.monotonic();
    announceSamples();
  };

  const finish = (): void => {
    closed = true;
    timer?.cancel();
    tails.stdout.close();
    tails.stderr.close();
    metrics?.close();
    log("info", "attempt ended", { ...key, state });
    finished();
  };

  const schedule = (delayMs?: number): void => {
    if (closed) return;
    timer?.cancel();
    const pollMs = time.monotonic() < watchedUntil ? limits.tailPollWatchedMs : limits.tailPollMs;
    timer = time.after(delayMs ?? pollMs, loop);
  };
  let running = false;
  const loop = (): void => {
    timer = null;
    if (running || closed) return;
    running = true;
    tick()
      .catch((error: unknown) =>
        log("error", "an attempt could not be read", { ...key, ...errorFields(error) }),
      )
      .finally(() => {
        running = false;
        if (timer === null) schedule();
      });
  };

  watch.launch();
  schedule(0);

  return {
    key,
    spec,
    state: () => state,
    head: () =>
      headOf({ state, memory, files, secrets: environment.secrets, observedAtMs: time.now() }),
    stop(wanted) {
      wantStop(wanted);
      schedule(0);
    },
    watch(forMs) {
      watchedUntil = Math.max(watchedUntil, time.monotonic() + forMs);
      schedule(0);
    },
    ended,
    close() {
      if (closed) return;
      if (!concluding && (dirty || pending.length > 0)) commit();
      closed = true;
      timer?.cancel();
      tails.stdout.close();
      tails.stderr.close();
      metrics?.close();
      finished();
    },
  };
}

const sampleLookMs = 1_000;
