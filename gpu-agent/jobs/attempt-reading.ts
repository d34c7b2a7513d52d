import { createAiToolkitReader } from "@trainyard/shared/logs/ai-toolkit/ai-toolkit-reader.ts";
import type { AiToolkitReader } from "@trainyard/shared/logs/ai-toolkit/ai-toolkit-reader.ts";
import type { LogEvent, LogStream } from "@trainyard/shared/logs/ai-toolkit/log-events.ts";
import type { AttemptGuard } from "./attempt-guard.ts";
import type { AttemptJournal } from "./attempt-journal.ts";
import { claimNan, remember, rememberPoint } from "./attempt-memory.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import type { AttemptOutputs } from "./attempt-outputs.ts";
import type { LiveAttempt } from "./live-attempt.ts";
import { openLogTail } from "./log-tail.ts";
import type { LogTail } from "./log-tail.ts";
import { openMetricsDatabase } from "./metrics-db.ts";
import type { MetricRow, MetricsSource } from "./metrics-db.ts";

/** What the trainer writes: two logs and, with some trainers, a database of metrics. */
export interface AttemptSources {
  readonly tails: Readonly<Record<LogStream, LogTail>>;
  readonly reader: AiToolkitReader;
  readonly metrics: MetricsSource | null;
  /** Brings the memory up to what was read. */
  snapshot(): AttemptMemory;
  close(): void;
}

export function openSources(attempt: LiveAttempt): AttemptSources {
  const { key, spec, files, memory, createdAtMs, environment, followed } = attempt;
  const { name, metricsDatabase } = spec.training;
  const reader = createAiToolkitReader({ jobName: name, state: memory.reader ?? undefined });
  const tails = {
    stdout: openLogTail(files.stdout, memory.tails.stdout),
    stderr: openLogTail(files.stderr, memory.tails.stderr),
  };
  // An earlier attempt's rows are still in the file; the first attempt has the folder to itself.
  const sinceSeconds = key.attempt === 1 ? 0 : createdAtMs / 1000;
  const ownMetrics =
    metricsDatabase === null ? null : openMetricsDatabase(metricsDatabase, sinceSeconds);
  const metrics =
    followed !== null && spec.training.elsewhere?.keepsMetrics === true
      ? followed.metrics
      : ownMetrics;
  return {
    tails,
    reader,
    metrics,
    snapshot() {
      memory.tails = { stdout: tails.stdout.position(), stderr: tails.stderr.position() };
      memory.reader = reader.state();
      memory.observedAtMs = followed?.observedAtMs() ?? environment.time.now();
      return memory;
    },
    close() {
      tails.stdout.close();
      tails.stderr.close();
      metrics?.close();
    },
  };
}

export interface AttemptReading {
  /** Takes what was written since; false when there is more to take at once. `final`: the process is gone. */
  read(final: boolean): boolean;
  /** The unfinished last lines, once there is nothing more to read. */
  end(): void;
}

interface Parts {
  readonly sources: AttemptSources;
  readonly journal: AttemptJournal;
  readonly guard: AttemptGuard;
  readonly outputs: AttemptOutputs;
}

/** Chunks read before the loop lets others run: 1 MiB of log. */
const chunksAtOnce = 16;

export function createAttemptReading(attempt: LiveAttempt, parts: Parts): AttemptReading {
  const { memory } = attempt;
  const { journal } = parts;
  const { metrics, reader } = parts.sources;
  let heldRows: readonly MetricRow[] = [];
  return {
    /** Database first, then the bar, then stdout: the `loss is nan` line of any row that was visible has then been read. */
    read(final) {
      if (heldRows.length === 0 && metrics !== null)
        heldRows = metrics.read(memory.metricsStep, { final });
      const stderrEnd = readStream("stderr", attempt, parts);
      const stdoutEnd = readStream("stdout", attempt, parts);
      if (!stderrEnd || !stdoutEnd) return false;
      // A bar's redraw ends with the next one's beginning, a step later: what is drawn now is what a watcher wants.
      const drawn = reader.peek();
      if (drawn !== null) remember(memory, drawn, metrics === null);
      if (heldRows.length === 0) return true;
      const rows = heldRows;
      heldRows = [];
      journal.touch();
      for (const row of rows) takePoint(claimNan(memory, row), attempt, parts);
      return !final;
    },
    end: () => takeEvents(reader.end(), attempt, parts),
  };
}

/** Reads one stream to its end or to the bound; true when the end was reached. */
function readStream(stream: LogStream, attempt: LiveAttempt, parts: Parts): boolean {
  const { sources, journal } = parts;
  for (let chunk = 0; chunk < chunksAtOnce; chunk += 1) {
    const { bytes, atEnd, truncated } = sources.tails[stream].read();
    if (truncated) {
      journal.add({
        kind: "gap",
        atMs: attempt.environment.time.now(),
        what: "log",
        fromStep: null,
        toStep: null,
        reason: `${stream} was truncated or replaced.`,
      });
    }
    if (bytes.byteLength > 0) takeEvents(sources.reader.push(stream, bytes), attempt, parts);
    if (atEnd) return true;
  }
  return false;
}

function takeEvents(events: readonly LogEvent[], attempt: LiveAttempt, parts: Parts): void {
  const { sources, journal, outputs, guard } = parts;
  let saved = false;
  for (const event of events) {
    journal.touch();
    const consequence = remember(attempt.memory, event, sources.metrics === null);
    guard.event(event);
    if (consequence?.kind === "point") takePoint(consequence.row, attempt, parts);
    if (consequence?.kind === "saved") saved = true;
    if (consequence?.kind === "start-step")
      journal.say({ state: journal.state(), startStep: consequence.step });
  }
  if (saved) outputs.announceCheckpoints(false);
}

function takePoint(row: MetricRow, { memory }: LiveAttempt, { journal, guard }: Parts): void {
  if (row.step <= memory.metricsStep || row.values.size === 0) return;
  rememberPoint(memory, row);
  journal.addPoint(row);
  const loss = row.values.get("loss");
  if (loss !== undefined) guard.loss(row.step, loss);
}
