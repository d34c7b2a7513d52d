import { join } from "node:path";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { parseName } from "@trainyard/shared/names.ts";
import type { Head } from "@trainyard/shared/protocol/items.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { dropStaleCachesOf } from "../datasets/stale-caches.ts";
import { attemptFiles } from "../home.ts";
import type { AttemptFiles } from "../home.ts";
import { errorFields } from "../log.ts";
import type { AttemptRow, StreamKey } from "../spool.ts";
import type { Trainers } from "../trainers/detect.ts";
import type { PreparedTraining, Trainer } from "../trainers/trainer.ts";
import { newMemory } from "./attempt-memory.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import { runAttempt } from "./attempt-runner.ts";
import type { AttemptRunner } from "./attempt-runner.ts";
import { parseSpec, parseStop } from "./attempt-spec.ts";
import type { AttemptSpec } from "./attempt-spec.ts";
import { headOf } from "./head.ts";
import { createJobOutputs } from "./job-outputs.ts";
import type { JobOutputs } from "./job-outputs.ts";
import type { RunnerEnvironment } from "./live-attempt.ts";
import { chooseOutput, nameOfItsOwn } from "./output-folder.ts";
import { makeFolder, setAside, writeAttemptFiles } from "./prepare-folders.ts";
import { acceptedBefore, refuseBusySlot, trainerMissing } from "./start-refusals.ts";

export interface JobHead extends StreamKey {
  readonly lastSeq: number;
  readonly head: Head;
}

export interface LiveUse {
  readonly jobId: string;
  readonly jobName: string;
  /** Name of its folder below the outputs. */
  readonly outputName: string;
  readonly document: Readonly<Record<string, unknown>>;
}

/** A training that was not started here. */
export interface FoundAttempt {
  /** Its output's name is the one that is wanted; another one where that is taken. */
  readonly args: OperationArgs<"start-attempt">;
  training(outputName: string): PreparedTraining;
  readonly createdAtMs: number;
  /** Numbers of its stream that the edge has from a spool that was lost. */
  readonly acked: number;
  /** Highest step whose metrics the edge has from there. */
  readonly lastStep: number | null;
  /** Written before the attempt is accepted. */
  readonly files: (files: AttemptFiles) => void;
}

export interface Supervisor extends JobOutputs {
  /** Takes up every attempt that had not ended; call once, before the first start. */
  adopt(): void;
  start(args: OperationArgs<"start-attempt">): Promise<OperationValue<"start-attempt">>;
  /** An attempt that another program began; nothing where it is known. */
  takeUp(found: FoundAttempt): void;
  stop(args: OperationArgs<"stop-attempt">): OperationValue<"stop-attempt">;
  /** Throws AppError where the trainer could not be asked. */
  ask(args: OperationArgs<"ask-trainer">): Promise<OperationValue<"ask-trainer">>;
  setGuardrails(args: OperationArgs<"set-guardrails">): Promise<OperationValue<"set-guardrails">>;
  watch(jobId: string, forMs: number): void;
  /** The newest truth about one attempt, also when it has ended. */
  head(key: StreamKey): Head | null;
  /** Attempts that live or have something the edge has not acknowledged. */
  heads(): readonly JobHead[];
  liveJobs(): readonly StreamKey[];
  /** What the jobs that live read and write: nobody may take it away from under them. */
  liveUses(): readonly LiveUse[];
  /** Resolves when this attempt has ended; at once when it is not live. */
  ended(key: StreamKey): Promise<void>;
  close(): void;
}

export function createSupervisor(environment: RunnerEnvironment, trainers: Trainers): Supervisor {
  const { home, spool, time, log } = environment;
  const runners = new Map<string, AttemptRunner>();
  /** A viewer may come before the process does. */
  const watchedUntil = new Map<string, number>();
  /** Starts that wait for their trainer to be found. */
  const starting = new Map<string, Promise<unknown>>();
  let lastStart: Promise<void> = Promise.resolve();
  let closed = false;
  const nameOf = ({ jobId, attempt }: StreamKey): string => `${jobId}/${attempt}`;

  const run = (row: AttemptRow, spec: AttemptSpec, trainer: Trainer): void => {
    const key = { jobId: row.jobId, attempt: row.attempt };
    const runner = runAttempt(
      key,
      {
        spec,
        state: row.state,
        process: row.process,
        stop: parseStop(row.stop),
        createdAtMs: row.createdAtMs,
      },
      trainer,
      environment,
    );
    runners.set(nameOf(key), runner);
    const watchedMs = (watchedUntil.get(key.jobId) ?? 0) - time.monotonic();
    if (watchedMs > 0) runner.watch(watchedMs);
    void runner.ended.then(() => {
      if (!closed) runners.delete(nameOf(key));
    });
  };

  const headOfAttempt = (key: StreamKey): Head | null => {
    const runner = runners.get(nameOf(key));
    if (runner !== undefined) return runner.head();
    const row = spool.attempt(key);
    if (row === null) return null;
    const memory = spool.reader(key) as AttemptMemory | null;
    return headOf({
      state: row.state,
      memory,
      files: attemptFiles(home, key.jobId, key.attempt),
      secrets: environment.secrets,
      observedAtMs: memory?.observedAtMs ?? row.createdAtMs,
    });
  };

  const liveUses = (): readonly LiveUse[] =>
    [...runners.values()].map(({ spec }) => ({
      jobId: spec.args.jobId,
      jobName: spec.args.jobName,
      outputName: spec.training.outputName,
      document: spec.args.document,
    }));

  const begin = async (
    args: OperationArgs<"start-attempt">,
  ): Promise<OperationValue<"start-attempt">> => {
    const key = { jobId: args.jobId, attempt: args.attempt };
    const files = attemptFiles(home, key.jobId, key.attempt);
    const before = spool.attempt(key);
    if (before !== null) return acceptedBefore(before, args);
    parseName("job", args.jobName);
    const trainer = trainers.get(args.trainer);
    const fact = await trainer?.detect();
    const runsElsewhere = trainer?.follow !== undefined;
    // A program that does not answer now is asked again for a while.
    if (trainer === null || fact === undefined || (!fact.found && !runsElsewhere))
      throw trainerMissing(args.trainer, fact?.reason);
    refuseBusySlot([...runners.values()], args.slot, runsElsewhere);

    const chosen = chooseOutput(args, spool.attempts(), home.outputs);
    const isTaken = args.attempt === 1 && (await trainer.isNameFree?.(chosen)) === false;
    const outputName = isTaken ? nameOfItsOwn(args) : chosen;
    const training = await trainer.prepare({
      jobId: args.jobId,
      attempt: args.attempt,
      document: args.document,
      slot: args.slot,
      totalSteps: args.totalSteps,
      home,
      files,
      outputName,
    });
    // Asked again behind the awaits: a stop may have come first.
    const meanwhile = spool.attempt(key);
    if (meanwhile !== null) return acceptedBefore(meanwhile, args);
    dropStaleCachesOf(args.document, { home, log, supervisor: { liveUses } });
    const outputFolder = runsElsewhere ? null : join(home.outputs, outputName);
    const aside =
      outputFolder === null ? [] : makeFolder(outputFolder, args.attempt, trainer, training);
    writeAttemptFiles(files, args.jobId, training, outputFolder);

    const nowMs = time.now();
    const spec: AttemptSpec = { args, training, bootId: environment.bootId };
    const row: AttemptRow = {
      ...key,
      state: "starting",
      spec,
      process: null,
      stop: null,
      createdAtMs: nowMs,
    };
    const guardrails = { revision: args.guardrailsRevision ?? 0, rules: args.guardrails };
    spool.createAttempt(row, [
      { kind: "state", atMs: nowMs, state: "starting", guardrails },
      ...aside.map((name) => setAside(name, nowMs)),
    ]);
    log("info", "attempt accepted", { ...key, trainer: args.trainer, output: outputName });
    environment.onCommitted(key, true);
    run(row, spec, trainer);
    return { accepted: true };
  };

  const takeUp = (found: FoundAttempt): void => {
    const { args, createdAtMs } = found;
    const key = { jobId: args.jobId, attempt: args.attempt };
    const trainer = trainers.get(args.trainer);
    if (closed || trainer === null || spool.attempt(key) !== null) return;
    const training = found.training(chooseOutput(args, spool.attempts(), home.outputs));
    const files = attemptFiles(home, key.jobId, key.attempt);
    writeAttemptFiles(files, args.jobId, training, null);
    found.files(files);
    const spec: AttemptSpec = { args, training, bootId: environment.bootId };
    const row = { ...key, state: "starting" as const, spec, createdAtMs };
    spool.createAttempt(row, [{ kind: "state", atMs: createdAtMs, state: "starting" }]);
    if (found.acked > 0) spool.acked(key, found.acked);
    if (found.lastStep !== null) {
      const memory = newMemory(null, training.totalSteps, time.now());
      spool.commit(key, { reader: { ...memory, metricsStep: found.lastStep } });
    }
    log("info", "a training of another program is followed", { ...key, trainer: args.trainer });
    environment.onCommitted(key, true);
    run({ ...row, process: null, stop: null }, spec, trainer);
  };

  return {
    ...createJobOutputs(environment, trainers),
    takeUp,
    adopt() {
      for (const row of spool.attempts()) {
        if (isTerminal(row.state)) continue;
        const spec = parseSpec(row.spec);
        const trainer = spec === null ? null : trainers.get(spec.args.trainer);
        if (spec === null || trainer === null) {
          // Kept as it is: another version may know it. Its process, if any, is not ours to end.
          log("error", "an attempt cannot be taken up by this version", {
            jobId: row.jobId,
            attempt: row.attempt,
          });
          continue;
        }
        try {
          run(row, spec, trainer);
        } catch (error) {
          log("error", "an attempt cannot be taken up", {
            jobId: row.jobId,
            attempt: row.attempt,
            ...errorFields(error),
          });
        }
      }
    },
    start(args) {
      const name = nameOf(args);
      // One after the other: two starts at once would see the same folder and the same slot free.
      const started = lastStart.then(() => begin(args)).finally(() => starting.delete(name));
      lastStart = started.then(
        () => undefined,
        () => undefined,
      );
      starting.set(name, started);
      return started;
    },
    stop({ jobId, attempt, mode, by, reason }) {
      const key = { jobId, attempt };
      attemptFiles(home, jobId, attempt);
      const runner = runners.get(nameOf(key));
      if (runner !== undefined) {
        runner.stop({ by, reason, mode });
        return { outcome: "stopping", state: runner.state() };
      }
      const row = spool.attempt(key);
      if (row === null) {
        // A start that arrives later must find that it is no longer wanted.
        spool.createAttempt({ ...key, state: "stopped", spec: null, createdAtMs: time.now() }, []);
        return { outcome: "not-started", state: null };
      }
      if (row.spec === null) return { outcome: "not-started", state: null };
      return { outcome: "already-ended", state: row.state };
    },
    async ask({ jobId, attempt, what }) {
      const runner = runners.get(nameOf({ jobId, attempt }));
      return { outcome: (await runner?.ask(what)) ?? "not-running" };
    },
    async setGuardrails({ jobId, attempt, rules, revision }) {
      const name = nameOf({ jobId, attempt });
      // Delivered right behind the start that it belongs to.
      await starting.get(name)?.catch(() => undefined);
      const runner = runners.get(name);
      if (runner === undefined) return { outcome: "not-running", revision: 0 };
      const inForce = runner.setGuardrails(rules, revision);
      return { outcome: inForce === revision ? "in-force" : "superseded", revision: inForce };
    },
    watch(jobId, forMs) {
      const now = time.monotonic();
      for (const [name, until] of watchedUntil) if (until < now) watchedUntil.delete(name);
      watchedUntil.set(jobId, now + forMs);
      for (const runner of runners.values()) if (runner.key.jobId === jobId) runner.watch(forMs);
    },
    head: headOfAttempt,
    heads() {
      return spool
        .openStreams()
        .slice(0, helloJobs)
        .flatMap(({ jobId, attempt, lastSeq }) => {
          const head = headOfAttempt({ jobId, attempt });
          // The log's end is left out: hello holds all jobs in one frame.
          return head === null
            ? []
            : [{ jobId, attempt, lastSeq, head: { ...head, logTail: null } }];
        });
    },
    liveJobs: () => [...runners.values()].map((runner) => runner.key),
    liveUses,
    ended: (key) => runners.get(nameOf(key))?.ended ?? Promise.resolve(),
    close() {
      closed = true;
      for (const runner of runners.values()) runner.close();
      runners.clear();
    },
  };
}

/** The protocol's own bound on the streams that one hello names; the rest follow when these are done. */
const helloJobs = 500;
