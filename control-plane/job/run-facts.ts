import { mergeLosses } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import { configFactsOf } from "@trainyard/shared/analysis/run-facts.ts";
import type {
  AlertFacts,
  DatasetRunFacts,
  FailureFacts,
  JobFacts,
  RunFacts,
} from "@trainyard/shared/analysis/run-facts.ts";
import { mergeSpeeds } from "@trainyard/shared/analysis/speed-aggregate.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { DatasetFacts } from "@trainyard/shared/protocol/operations/preflight.ts";
import type { Store } from "../storage.ts";
import { emptyAggregates, readAggregates, speedOf } from "./aggregates.ts";
import type { RunAggregates } from "./aggregates.ts";
import { aggregatesOf, attemptOf, writeHead } from "./live-attempt.ts";
import type { LiveAttempt } from "./live-attempt.ts";
import { timelineEvents } from "./timeline.ts";

/**
 * Everything that judging looks at, over the newest `limits.factAttempts` attempts. Reads their head rows and nothing else;
 * a row of an older version is completed from its series, once. `hardware` is null: the job knows no box.
 */
export function gatherFacts(
  store: Store,
  snapshot: JobSnapshot,
  summary: JobSummary,
  newest: LiveAttempt | null,
): RunFacts {
  const merged = newest === null ? emptyAggregates : mergedAggregates(store, newest);
  return {
    job: jobFactsOf(snapshot, summary),
    config: configFactsOf(snapshot.document),
    loss: merged.loss,
    validationLoss: merged.validation,
    speed: merged.speed,
    faults: {
      nanSteps: merged.loss.nanCount,
      infSteps: merged.loss.infCount,
      oomSkipped: merged.oomSkipped,
      tracebacks: 0,
      // The box names one line, the one that ended the attempt; it does not count others.
      errorLines: summary.failure !== null && summary.evidence?.["error_line"] != null ? 1 : 0,
    },
    failure: failureFactsOf(summary),
    dataset: asTheTrainerFound(datasetFactsOf(snapshot.datasets), summary),
    checkpoints: {
      count: summary.checkpoints,
      last:
        summary.lastCheckpoint === null
          ? null
          : { step: summary.lastCheckpoint.step, path: summary.lastCheckpoint.path },
      finalModel: summary.model !== null,
      samples: summary.samples,
    },
    alerts: withTimeline(store, merged.alerts),
    hardware: null,
  };
}

/** Of all attempts, each with its own speed. */
type MergedAggregates = Omit<RunAggregates, "version" | "pace" | "reported">;

function mergedAggregates(store: Store, newest: LiveAttempt): MergedAggregates {
  if (newest.aggregates === null) {
    aggregatesOf(store, newest);
    writeHead(store, newest);
  }
  return store
    .rows(
      "SELECT attempt, aggregates FROM head WHERE attempt < ? ORDER BY attempt DESC LIMIT ?",
      newest.state.attempt,
      limits.factAttempts - 1,
    )
    .map((row) => readAggregates(row["aggregates"]) ?? completed(store, Number(row["attempt"])))
    .reduce(
      (later, earlier) => merge(withSpeed(earlier), later),
      withSpeed(aggregatesOf(store, newest)),
    );
}

function completed(store: Store, attempt: number): RunAggregates {
  const live = attemptOf(store, attempt);
  const aggregates = aggregatesOf(store, live);
  writeHead(store, live);
  return aggregates;
}

function withSpeed(aggregates: RunAggregates): MergedAggregates {
  return { ...aggregates, speed: speedOf(aggregates) };
}

function merge(earlier: MergedAggregates, later: MergedAggregates): MergedAggregates {
  return {
    loss: mergeLosses(earlier.loss, later.loss),
    validation:
      earlier.validation === null || later.validation === null
        ? (later.validation ?? earlier.validation)
        : mergeLosses(earlier.validation, later.validation),
    speed: mergeSpeeds(earlier.speed, later.speed),
    oomSkipped: earlier.oomSkipped + later.oomSkipped,
    alerts: [...earlier.alerts, ...later.alerts].slice(-limits.factAlerts),
  };
}

/** With what the edge noticed or a caller handed in, which stands in no stream. That a guardrail stopped the job only the box says. */
function withTimeline(store: Store, stream: readonly AlertFacts[]): AlertFacts[] {
  const added = timelineEvents(store, 0, limits.factAlerts).flatMap(({ item }): AlertFacts[] => {
    if (item.kind !== "alert") return [];
    const { code, severity, category, message, step, atMs } = item;
    return [{ code, severity, category, message, step, atMs, guardrail: false }];
  });
  return [...stream, ...added].sort((a, b) => a.atMs - b.atMs).slice(-limits.factAlerts);
}

function jobFactsOf(snapshot: JobSnapshot, summary: JobSummary): JobFacts {
  return {
    id: snapshot.jobId,
    name: snapshot.jobName,
    configName: snapshot.configName,
    state: summary.state,
    phase: summary.phase,
    trainer: snapshot.trainer,
    trainerVersion: snapshot.trainerVersion,
    agentName: snapshot.agentName,
    attempts: summary.attempt,
    currentStep: summary.currentStep,
    totalSteps: summary.totalSteps,
    remainingSeconds: summary.remainingSeconds,
    createdAtMs: summary.createdAtMs,
    startedAtMs: summary.startedAtMs,
    endedAtMs: summary.endedAtMs,
    observedAtMs: summary.observedAtMs,
  };
}

function failureFactsOf({ failure, evidence }: JobSummary): FailureFacts | null {
  if (failure === null) return null;
  const category = evidence?.["category"];
  return {
    code: failure.code,
    category: typeof category === "string" ? category : null,
    message: failure.message,
    fix: failure.fix,
  };
}

/** What was counted at the start says nothing of a dataset that the trainer then found empty, or not at all. */
function asTheTrainerFound(
  dataset: DatasetRunFacts | null,
  { failure }: JobSummary,
): DatasetRunFacts | null {
  const code = failure?.code;
  if (dataset === null || (code !== "DATASET_EMPTY" && code !== "DATASET_MISSING")) return dataset;
  const uncounted = {
    ...dataset,
    images: null,
    scanned: null,
    scanLimited: false,
    captioned: null,
    emptyCaptions: null,
    totalBytes: null,
  };
  if (code === "DATASET_MISSING") return { ...uncounted, exists: false };
  return { ...uncounted, foundEmpty: { imagesAtStart: dataset.images } };
}

/** Several datasets are added up under the path of the first; a set that nobody could look at makes the sum unknown. */
export function datasetFactsOf(datasets: readonly DatasetFacts[]): DatasetRunFacts | null {
  const first = datasets[0];
  if (first === undefined) return null;
  const sum = (of: (facts: DatasetFacts) => number): number =>
    datasets.reduce((all, facts) => all + of(facts), 0);
  const images = sum((facts) => facts.images);
  return {
    path: first.name === null ? first.reference : `datasets/${first.name}`,
    exists: datasets.every((facts) => facts.exists && facts.isDirectory),
    images,
    scanned: images,
    scanLimited: datasets.some((facts) => facts.scanLimited),
    captioned: sum((facts) => Math.max(0, facts.captioned - facts.emptyCaptions)),
    emptyCaptions: sum((facts) => facts.emptyCaptions),
    totalBytes: sum((facts) => facts.totalBytes),
    corrupt: seenSum(datasets, "corrupt"),
    duplicates: seenSum(datasets, "duplicates"),
    lowResolution: seenSum(datasets, "lowResolution"),
    extremeAspect: seenSum(datasets, "extremeAspect"),
    // Words of two sets do not add up: the vocabulary of both is not the sum of theirs.
    captions: datasets.length === 1 ? (first.seen?.captions ?? null) : null,
  };
}

/** Null unless every dataset was looked at to its end. */
function seenSum(
  datasets: readonly DatasetFacts[],
  of: "corrupt" | "duplicates" | "lowResolution" | "extremeAspect",
): number | null {
  let sum = 0;
  for (const { seen } of datasets) {
    if (seen === null || seen === undefined) return null;
    sum += seen[of];
  }
  return sum;
}
