import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { Conclusion, ProcessEnd } from "@trainyard/shared/jobs/conclude.ts";
import type { JobState } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Head, StateItem } from "@trainyard/shared/protocol/items.ts";
import type { OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { attemptFiles } from "../home.ts";
import { errorFields } from "../log.ts";
import type { StreamKey } from "../spool.ts";
import type { Trainer } from "../trainers/trainer.ts";
import { createAttemptGuard } from "./attempt-guard.ts";
import type { AttemptGuard } from "./attempt-guard.ts";
import { createJournal } from "./attempt-journal.ts";
import type { AttemptJournal } from "./attempt-journal.ts";
import { newMemory, restoreMemory } from "./attempt-memory.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import { createAttemptOutputs } from "./attempt-outputs.ts";
import type { AttemptOutputs } from "./attempt-outputs.ts";
import { createAttemptReading, openSources } from "./attempt-reading.ts";
import type { AttemptReading, AttemptSources } from "./attempt-reading.ts";
import type { AttemptSpec, StopRecord } from "./attempt-spec.ts";
import { createAttemptRequests } from "./attempt-requests.ts";
import type { AttemptRequests } from "./attempt-requests.ts";
import { createAttemptStop } from "./attempt-stop.ts";
import type { AttemptStop, StopRequest } from "./attempt-stop.ts";
import { concludeFromFiles, lostMetrics } from "./conclude-attempt.ts";
import { askFollowed, wallBefore } from "./attempt-elsewhere.ts";
import { createEndWatch } from "./end-watch.ts";
import type { EndWatch } from "./end-watch.ts";
import { createGpuPeak, peakEvidence } from "./gpu-peak.ts";
import type { GpuPeak } from "./gpu-peak.ts";
import { headOf } from "./head.ts";
import type { LiveAttempt, RunnerEnvironment } from "./live-attempt.ts";
import { createTurnLoop } from "./turn-loop.ts";

export interface AttemptRunner {
  readonly key: StreamKey;
  readonly spec: AttemptSpec;
  state(): JobState;
  head(): Head;
  stop(wanted: StopRequest): void;
  /** Asks the trainer for a checkpoint or for pictures, now. Throws AppError where it could not be asked. */
  ask(what: "save" | "sample"): Promise<AskOutcome>;
  /** Returns the number of the rules that are in force then: another one where newer ones came first. */
  setGuardrails(rules: GuardrailRules, revision: number): number;
  watch(forMs: number): void;
  /** Reads on until the attempt has ended or the runner is closed; resolves then. */
  readonly ended: Promise<void>;
  /** Saves what was read and lets go; the trainer runs on. */
  close(): void;
}

type AskOutcome = OperationValue<"ask-trainer">["outcome"];

interface StoredAttempt {
  readonly spec: AttemptSpec;
  readonly state: JobState;
  readonly process: StateItem["process"];
  readonly stop: StopRecord | null;
  readonly createdAtMs: number;
}

export function runAttempt(
  key: StreamKey,
  stored: StoredAttempt,
  trainer: Trainer,
  environment: RunnerEnvironment,
): AttemptRunner {
  const { time, log } = environment;
  const attempt = openAttempt(key, stored, trainer, environment);
  const parts = assemble(attempt, stored);
  const { journal, sources, stop, watch, guard, requests } = parts;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const phase: RunPhase = { value: "running" };
  let watchedUntil = 0;
  /** Somebody asked for something: what another program says is not waited for then. */
  let urgent = false;
  const loop = createTurnLoop(time, {
    turn: async () => {
      const isUrgent = urgent;
      urgent = false;
      const isWatched = time.monotonic() < watchedUntil;
      const next = await takeTurn(attempt, parts, phase, { isWatched, isUrgent });
      if (next === "ended") finish();
      else if (next === "more") loop.schedule(0);
    },
    // A stop is looked after as closely: between a save and the interrupt steps are trained that nobody keeps.
    pollMs: () =>
      stop.isWanted() || time.monotonic() < watchedUntil
        ? limits.tailPollWatchedMs
        : limits.tailPollMs,
    onError: (error) =>
      log("error", "an attempt could not be read", { ...key, ...errorFields(error) }),
  });
  const finish = (): void => {
    phase.value = "closed";
    loop.stop();
    sources.close();
    log("info", "attempt ended", { ...key, state: journal.state() });
    resolve();
  };

  watch.launch();
  loop.schedule(0);

  return {
    key,
    spec: attempt.spec,
    state: () => journal.state(),
    head: () =>
      headOf({
        state: journal.state(),
        memory: attempt.memory,
        files: attempt.files,
        secrets: environment.secrets,
        observedAtMs: attempt.followed?.observedAtMs() ?? time.now(),
      }),
    stop(wanted) {
      stop.want(wanted);
      urgent = true;
      loop.schedule(0);
    },
    async ask(what) {
      if (phase.value !== "running" || stop.isWanted()) return "not-running";
      if (!requests.understands(what)) return "cannot";
      return requests.hasStepsLeft() && (await requests.ask(what)) ? "asked" : "not-listening";
    },
    setGuardrails(rules, revision) {
      guard.setRules(rules, revision);
      loop.schedule(0);
      return guard.rules().revision;
    },
    watch(forMs) {
      watchedUntil = Math.max(watchedUntil, time.monotonic() + forMs);
      loop.schedule(0);
    },
    ended,
    close() {
      if (phase.value === "closed") return;
      if (phase.value === "running" && journal.hasNews()) journal.commit();
      finish();
    },
  };
}

interface Parts {
  readonly journal: AttemptJournal;
  readonly sources: AttemptSources;
  readonly watch: EndWatch;
  readonly requests: AttemptRequests;
  readonly stop: AttemptStop;
  readonly guard: AttemptGuard;
  readonly outputs: AttemptOutputs;
  readonly gpuPeak: GpuPeak;
  readonly reading: AttemptReading;
}

/** `concluding`: everything was read and the end is being judged; `concluded`: only its commit is missing. */
interface RunPhase {
  value: "running" | "concluding" | "concluded" | "closed";
}

function openAttempt(
  key: StreamKey,
  { spec, createdAtMs }: StoredAttempt,
  trainer: Trainer,
  environment: RunnerEnvironment,
): LiveAttempt {
  const { spool, home, time } = environment;
  const { training, bootId } = spec;
  const { outputName, totalSteps } = training;
  const files = attemptFiles(home, key.jobId, key.attempt);
  const sinceWall = wallBefore(spool, key);
  const followed =
    trainer.follow?.({ key, training, files, createdAtMs, bootId, sinceWall }) ?? null;
  const own = { root: home.outputs, folder: outputName };
  return {
    key,
    spec,
    trainer,
    files,
    place: () => (followed === null ? own : followed.place()),
    followed,
    createdAtMs,
    memory: restoreMemory(
      spool.reader(key) as AttemptMemory | null,
      newMemory(key.attempt === 1 ? 0 : null, totalSteps, time.now()),
    ),
    environment,
  };
}

function assemble(attempt: LiveAttempt, stored: StoredAttempt): Parts {
  const { key, files, spec, environment } = attempt;
  const sources = openSources(attempt);
  const journal = createJournal(attempt, stored.state, () => sources.snapshot());
  const process = stored.process ?? null;
  const watch =
    attempt.followed?.watch ?? createEndWatch({ key, files, spec, process }, environment);
  const requests = createAttemptRequests(attempt);
  const stop = createAttemptStop(attempt, stored.stop, { journal, watch, requests });
  const outputs = createAttemptOutputs(attempt, journal);
  const guard = createAttemptGuard(attempt, { journal, stop, watch });
  const reading = createAttemptReading(attempt, { sources, journal, guard, outputs });
  const gpuPeak = createGpuPeak(attempt);
  return { journal, sources, watch, requests, stop, guard, outputs, gpuPeak, reading };
}

/** One look at the process and everything it wrote. `more`: there is more to read at once. */
async function takeTurn(
  attempt: LiveAttempt,
  parts: Parts,
  phase: RunPhase,
  rhythm: { readonly isWatched: boolean; readonly isUrgent: boolean },
): Promise<"later" | "more" | "ended"> {
  const { journal, watch, outputs, reading, stop, guard, gpuPeak } = parts;
  if (phase.value === "concluded") return commitEnd(journal);
  if (journal.isStalled() && !journal.commit()) return "later";
  await askFollowed(attempt, parts, rhythm);
  if (isClosed(phase)) return "later";
  // Looked at before reading: what the dead process wrote is then read to its end.
  const end = watch.look();
  announceStart(attempt, parts);
  if (end !== null) guard.ended();
  const atEnd = reading.read(end !== null);
  const { phase: trainerPhase } = attempt.memory;
  if (trainerPhase === "sampling" || trainerPhase === "training") outputs.lookForSamples();
  if (end === null) {
    guard.tick(atEnd);
    gpuPeak.look();
  }
  await stop.climb();
  if (isClosed(phase)) return "later";
  journal.commitIfDue();
  if (!atEnd) return "more";
  if (end === null) return "later";
  phase.value = "concluding";
  await conclude(end, attempt, parts, () => isClosed(phase));
  if (isClosed(phase)) return "later";
  phase.value = "concluded";
  return commitEnd(journal);
}

function commitEnd(journal: AttemptJournal): "later" | "ended" {
  return journal.commit({ state: journal.state() }) ? "ended" : "later";
}

/** Closed meanwhile, behind an await: the compiler cannot know that. */
function isClosed({ value }: RunPhase): boolean {
  return value === "closed";
}

function announceStart({ memory }: LiveAttempt, { journal, watch }: Parts): void {
  const started = watch.takeStarted();
  if (started === null) return;
  const state = journal.state();
  journal.say({
    // A stop that came first keeps its state.
    state: state === "starting" || state === "queued" ? "running" : state,
    ...(started.process === null ? {} : { process: started.process }),
    ...(memory.startStep === null ? {} : { startStep: memory.startStep }),
  });
  journal.commit({
    state: journal.state(),
    ...(started.process === null ? {} : { process: started.process }),
  });
}

async function conclude(
  end: ProcessEnd,
  attempt: LiveAttempt,
  { journal, watch, stop, outputs, reading }: Parts,
  isClosed: () => boolean,
): Promise<void> {
  const { key, memory, spec, createdAtMs, trainer, environment, followed } = attempt;
  const { wanted, forced } = stop.settle();
  reading.end();
  if (wanted !== null) watch.killLeftovers();
  outputs.announceCheckpoints(true);
  outputs.announceSamples();
  const { conclusion, items } = await concludeFromFiles(
    {
      key,
      files: attempt.files,
      end,
      memory,
      stopWanted: wanted ?? followed?.stopWanted() ?? null,
      forced,
      training: spec.training,
      place: attempt.place(),
      judgeFinal: () => followed?.judgeFinal() ?? Promise.resolve(null),
      createdAtMs,
      trainer: trainer.name,
    },
    trainer,
    environment,
  );
  if (isClosed()) return;
  settleRecord(attempt, conclusion.state);
  const lost = lostMetrics(attempt);
  if (lost !== null) journal.add(lost);
  for (const item of items) journal.add(item);
  memory.phase = null;
  memory.remainingSeconds = null;
  // Last in the stream: whoever sees the end has seen everything before it.
  const { state, failure, evidence } = conclusion;
  const endedAtMs = followed?.endedAtMs() ?? null;
  journal.say({
    state,
    failure,
    evidence: { ...evidence, ...peakEvidence(memory), ...followed?.evidence() },
    ...(endedAtMs === null ? {} : { atMs: endedAtMs }),
  });
}

/** The job's end does not wait for a record that is beside it: a project may have been moved away. */
function settleRecord(
  { key, spec, trainer, environment }: LiveAttempt,
  state: Conclusion["state"],
): void {
  try {
    trainer.settle?.(spec.training, state);
  } catch (error) {
    environment.log("warn", "the trainer's own record keeps an old state", {
      ...key,
      ...errorFields(error),
    });
  }
}
