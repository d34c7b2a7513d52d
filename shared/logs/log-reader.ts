import type { DescribedBar } from "./bars/bar.ts";
import {
  barText,
  type DrawnBars,
  frozenBar,
  noBars,
  redraw,
  remembered,
} from "./bars/drawn-bars.ts";
import {
  type EvidenceState,
  noEvidence,
  noteNan,
  readEvidence,
  showLife,
} from "./failure/evidence.ts";
import { judge } from "./failure/verdict.ts";
import { createFragmenter, type Fragment, type FragmenterState } from "./fragments.ts";
import { barOf, type JobNumbers, noNumbers, readBar, readMetrics } from "./job-numbers.ts";
import { isLifeSign } from "./life-signs.ts";
import type { ExitFacts, LogReport, LogTool } from "./log-report.ts";
import { isEndless, readMetricLine } from "./metric-lines.ts";
import { trainerOf } from "./trainer-kind.ts";

export interface LogReaderOptions {
  /** The trainer that wrote the log, where it is known; else it is recognised. */
  readonly tool?: LogTool | undefined;
  /** What the training calls itself on its bar, where it is known; else the log's own header tells. */
  readonly jobName?: string | undefined;
  readonly exit?: ExitFacts | undefined;
  readonly state?: LogReaderState | undefined;
  /** Rows of the signature table to leave out: for measuring what the others know. */
  readonly withoutRows?: ReadonlySet<string> | undefined;
}

/** Plain JSON, bounded; the reader that gets it goes on as if it had read everything itself. */
export interface LogReaderState {
  readonly version: 1;
  readonly fragmenter: FragmenterState;
  readonly reading: Reading;
}

interface Reading {
  tool: LogTool | null;
  jobName: string | null;
  numbers: JobNumbers;
  evidence: EvidenceState;
  /** The latest redraws: a repaint is no sign of life. */
  drawnBars: DrawnBars;
  oomSkipped: number;
  fragments: number;
  bytes: number;
}

export interface LogReader {
  push(bytes: Uint8Array): void;
  /** What the log says so far, its unfinished last line included; changes nothing. */
  report(exit?: ExitFacts): LogReport;
  state(): LogReaderState;
}

/** Reads any trainer's log: where the training stands, and how and why it ended. */
export function createLogReader(options: LogReaderOptions = {}): LogReader {
  const saved = options.state;
  const fragmenter = createFragmenter(saved?.fragmenter);
  const reading: Reading = saved ? plainCopy(saved.reading) : newReading(options);

  return {
    push(bytes) {
      reading.bytes += bytes.length;
      for (const fragment of fragmenter.push(bytes)) readFragment(fragment, reading, options);
    },
    report(exit = options.exit) {
      const rest = fragmenter.peek();
      if (!rest) return reportOf(reading, exit);
      const whole = plainCopy(reading);
      readFragment(rest, whole, options);
      return reportOf(whole, exit);
    },
    state: () => ({
      version: 1,
      fragmenter: fragmenter.state(),
      reading: plainCopy(reading),
    }),
  };
}

/** Reads a whole log at once. */
export function analyzeLog(log: Uint8Array | string, options: LogReaderOptions = {}): LogReport {
  const reader = createLogReader(options);
  reader.push(typeof log === "string" ? new TextEncoder().encode(log) : log);
  return reader.report();
}

function newReading({ tool, jobName }: LogReaderOptions): Reading {
  return {
    tool: tool ?? null,
    jobName: jobName ?? null,
    numbers: noNumbers(),
    evidence: noEvidence(),
    drawnBars: noBars(),
    oomSkipped: 0,
    fragments: 0,
    bytes: 0,
  };
}

function readFragment(fragment: Fragment, reading: Reading, options: LogReaderOptions): void {
  reading.fragments++;
  // The middle of an overlong run: nothing in it stands at the beginning of a line.
  if (fragment.continued) return;
  let rest = fragment.text;
  for (let bars = 0; bars < barsOfOneFragment; bars++) {
    const drawn = barOf(rest, reading.jobName);
    if (!drawn) break;
    readDrawnBar(drawn, rest, fragment, reading);
    rest = drawn.bar.tail;
    if (rest === "") return;
  }
  readLine(rest, reading, options);
}

function readDrawnBar(
  drawn: DescribedBar,
  text: string,
  { endedBy }: Fragment,
  reading: Reading,
): void {
  const { bar, description } = drawn;
  const { drawnBars, numbers } = reading;
  const known = remembered(drawn, drawnBars, reading.jobName, reading.tool);
  // tqdm ends a bar with a newline, and only then shows the average of the whole run.
  const closing = endedBy !== "\r" && bar.count >= bar.total;
  const isJob = readBar(bar, known, closing, numbers);
  if (isJob && isEndless(bar.loss)) noteNan(barText(text, bar.tail), reading.evidence);
  const { total, tail } = bar;
  drawnBars.last =
    text.length <= longestRedraw
      ? { description, total, text, tail }
      : { description, total, text: barText(text, tail).slice(-longestRedraw), tail: "" };
  if (redraw(known, bar, endedBy, isJob, drawnBars)) alive(reading);
}

function readLine(text: string, reading: Reading, options: LogReaderOptions): void {
  const line = text.trimEnd();
  if (line === "") return;
  if (options.tool === undefined) reading.tool ??= trainerOf(line);
  if (options.jobName === undefined && line.startsWith(jobHeader)) {
    reading.jobName = line.slice(jobHeader.length).trim().slice(0, longestJobName) || null;
  }
  if (line.startsWith(skippedBatch)) reading.oomSkipped++;
  if (line === saidNan) noteNan(line, reading.evidence);
  if (readEvidence(line, reading.evidence, options.withoutRows)) return;
  const table = /^(Step|Epoch)\tTraining Loss(?:\t|$)/.exec(line)?.[1];
  if (table === "Step" || table === "Epoch") reading.numbers.table = table;
  const metrics = readMetricLine(line, reading.numbers.table);
  if (metrics) {
    readMetrics(metrics, reading.numbers);
    if (metrics.nan) noteNan(line, reading.evidence);
  }
  if (metrics || isLifeSign(line)) alive(reading);
}

function alive(reading: Reading): void {
  reading.drawnBars.doubtful = 0;
  showLife(reading.evidence);
}

function reportOf(reading: Reading, exit: ExitFacts | undefined): LogReport {
  const { numbers, evidence } = reading;
  return {
    tool: reading.tool,
    ...judge(evidence, frozenBar(reading.drawnBars), exit),
    lastStep: numbers.step,
    totalSteps: numbers.total,
    lastLoss: numbers.loss,
    lastLr: numbers.lr,
    lastSpeed: rounded(numbers.shownSpeed),
    runningSpeed: rounded(numbers.runningSpeed),
    nanCount: evidence.nan?.count ?? 0,
    oomSkipped: reading.oomSkipped,
    fragments: reading.fragments,
    bytes: reading.bytes,
  };
}

function rounded(speed: number | null): number | null {
  return speed === null ? null : Math.round(speed * 1e6) / 1e6;
}

const jobHeader = "# Running job: ";
const longestJobName = 500;
const skippedBatch = "# OOM during training step, skipping batch ";
const saidNan = "loss is nan";
/** Doubled frames come in twos and threes; more is no log of a trainer. */
const barsOfOneFragment = 64;
/** Kept of a redraw with something long glued to it. */
const longestRedraw = 2_000;
/** A state handed out must not change afterwards, nor the one handed in. */
function plainCopy(reading: Reading): Reading {
  return JSON.parse(JSON.stringify(reading)) as Reading;
}
