import {
  freshGuardrailState,
  restoreGuardrails,
} from "@trainyard/shared/analysis/guards/guardrails.ts";
import type {
  GuardrailRules,
  GuardrailState,
} from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { Phase } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { LogEvent } from "@trainyard/shared/logs/ai-toolkit/log-events.ts";
import type { AiToolkitReaderState } from "@trainyard/shared/logs/ai-toolkit/reader-state.ts";
import { toWireValue } from "@trainyard/shared/protocol/items.ts";
import type { Item, MetricsItem, WireValue } from "@trainyard/shared/protocol/items.ts";
import { joinMetrics } from "../spool/metrics-items.ts";
import { kernelMemoryKills } from "./kernel-kills.ts";
import type { TailPosition } from "./log-tail.ts";
import { tailStart } from "./log-tail.ts";
import type { MetricRow } from "./metrics-db.ts";

/**
 * Everything a runner knows from reading, saved in the transaction that saves its items. A runner that starts with it goes on
 * as if it had never been away.
 */
export interface AttemptMemory {
  readonly version: 1;
  tails: { stdout: TailPosition; stderr: TailPosition };
  reader: AiToolkitReaderState | null;
  /** Last step whose metrics are in the stream; -1 before the first. */
  metricsStep: number;
  /** Newest time of a metric, seconds of the trainer's clock; null where the source tells none. */
  metricsWall: number | null;
  /** "loss is nan" lines whose 0 the metrics database has not shown yet. */
  unclaimedNans: number;
  /** Batches that the trainer skipped for want of GPU memory. */
  oomSkipped: number;
  guardrail: GuardrailState;
  /** Rules that were set while it ran, with their number at the edge; null: those it was started with. */
  guardrailRules: { readonly rules: GuardrailRules; readonly revision: number } | null;
  /** How long the attempt has run, the time that nobody looked included. */
  ranMs: number;
  /** Of the largest checkpoint this attempt has written. */
  checkpointBytes: number | null;
  /** Highest GPU memory that was seen, MiB: of the attempt's own processes, and of the whole card. */
  gpuPeak: { readonly processMib: number | null; readonly gpuMib: number | null } | null;
  phase: Phase | null;
  currentStep: number | null;
  totalSteps: number | null;
  stepsPerSecond: number | null;
  remainingSeconds: number | null;
  loss: WireValue;
  lr: number | null;
  startStep: number | null;
  saving: boolean;
  /** Checkpoints the log has announced; more of them means a save went through. */
  saves: number;
  stopMarker: boolean;
  errorLine: string | null;
  lastTracebackLine: string | null;
  announced: string[];
  sampleMark: { step: number; index: number } | null;
  observedAtMs: number;
  /** The kernel's count of memory kills when the attempt began; null where it keeps none. */
  memoryKills: number | null;
}

export function newMemory(
  startStep: number | null,
  totalSteps: number | null,
  nowMs: number,
): AttemptMemory {
  return {
    version: 1,
    tails: { stdout: tailStart, stderr: tailStart },
    reader: null,
    metricsStep: -1,
    metricsWall: null,
    unclaimedNans: 0,
    oomSkipped: 0,
    guardrail: freshGuardrailState,
    guardrailRules: null,
    ranMs: 0,
    checkpointBytes: null,
    gpuPeak: null,
    phase: "loading",
    currentStep: null,
    totalSteps,
    stepsPerSecond: null,
    remainingSeconds: null,
    loss: null,
    lr: null,
    startStep,
    saving: false,
    saves: 0,
    stopMarker: false,
    errorLine: null,
    lastTracebackLine: null,
    announced: [],
    sampleMark: null,
    observedAtMs: nowMs,
    memoryKills: kernelMemoryKills(),
  };
}

/** What was saved, perhaps by an earlier version: what it did not know is fresh. */
export function restoreMemory(saved: AttemptMemory | null, fresh: AttemptMemory): AttemptMemory {
  if (saved === null) return fresh;
  return { ...fresh, ...saved, guardrail: restoreGuardrails(saved.guardrail) };
}

/** What one event asks the runner to do besides being remembered. */
export type Consequence =
  | { readonly kind: "point"; readonly row: MetricRow }
  | { readonly kind: "saved" }
  | { readonly kind: "start-step"; readonly step: number };

/** Writes the event into the memory. `barIsSource`: there is no metrics database, so losses come from the bar. */
export function remember(
  memory: AttemptMemory,
  event: LogEvent,
  barIsSource: boolean,
): Consequence | null {
  switch (event.kind) {
    case "progress":
      memory.currentStep = event.currentStep;
      memory.totalSteps = event.totalSteps;
      memory.stepsPerSecond = event.stepsPerSecond;
      memory.remainingSeconds = event.remainingSeconds;
      return null;
    case "barLoss": {
      if (!barIsSource || event.step <= memory.metricsStep) return null;
      const values = new Map([["loss", event.loss]]);
      if (event.lr !== null) values.set("lr", event.lr);
      return { kind: "point", row: { step: event.step, values } };
    }
    case "metrics":
      return barIsSource && event.step > memory.metricsStep
        ? { kind: "point", row: { step: event.step, values: event.values } }
        : null;
    case "nan":
      memory.unclaimedNans += 1;
      return null;
    case "phase":
      memory.phase = event.phase;
      // A save is over when something else is announced, also where the trainer failed to write it.
      if (event.phase !== "saving") memory.saving = false;
      return null;
    case "savingStarted":
      memory.saving = true;
      return null;
    case "save":
      memory.saving = false;
      memory.saves += 1;
      return { kind: "saved" };
    case "resumed":
      if (event.step === null) return null;
      memory.startStep = event.step;
      return { kind: "start-step", step: event.step };
    case "stopMarker":
      memory.stopMarker = true;
      return null;
    case "errorLine":
      memory.errorLine = event.text;
      return null;
    case "traceback":
      memory.lastTracebackLine = event.lastLine;
      return null;
    case "oomSkipped":
      memory.oomSkipped += 1;
      return null;
    case "pruned":
    case "sampling":
    case "trainerNamed":
      return null;
  }
}

/** A row of the database says 0 where the trainer met NaN; the line in the log, read after the row, tells them apart. */
export function claimNan(memory: AttemptMemory, row: MetricRow): MetricRow {
  if (row.values.get("loss") !== 0 || memory.unclaimedNans === 0) return row;
  memory.unclaimedNans -= 1;
  return { ...row, values: new Map(row.values).set("loss", Number.NaN) };
}

export function rememberPoint(memory: AttemptMemory, row: MetricRow): void {
  memory.metricsStep = row.step;
  if (row.wallSeconds !== undefined)
    memory.metricsWall = Math.max(memory.metricsWall ?? 0, row.wallSeconds);
  const loss = row.values.get("loss");
  const lr = row.values.get("lr");
  if (loss !== undefined) memory.loss = toWireValue(loss);
  if (lr !== undefined) memory.lr = Number.isFinite(lr) ? lr : null;
}

/** Appends a point, to the last item where that has room and the same keys. */
export function pushPoint(items: Item[], row: MetricRow, atMs: number): void {
  const item: MetricsItem = {
    kind: "metrics",
    steps: [row.step],
    atMs: [Math.trunc(atMs)],
    values: Object.fromEntries([...row.values].map(([key, value]) => [key, [toWireValue(value)]])),
  };
  const last = items.at(-1);
  const joined = last?.kind === "metrics" ? joinMetrics(last, item) : null;
  if (joined === null) items.push(item);
  else items[items.length - 1] = joined;
}

export function rememberAnnounced(memory: AttemptMemory, name: string): void {
  memory.announced.push(name);
  // Older ones were pruned by the trainer long ago, or the last listing names them a second time: harmless.
  if (memory.announced.length > limits.frameItems) memory.announced.shift();
}
