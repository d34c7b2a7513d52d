import { type Bar, parseBar, parseBarBody } from "./bar.ts";
import { createFragmenter, type Fragment, type FragmenterState } from "./fragments.ts";

export type LogStream = "stdout" | "stderr";

export type LogPhase = "loading" | "caching" | "training" | "sampling" | "saving";

export type LogEvent =
  /** `currentStep` counts completed steps. The speed is the running one, never the closing bar's average. */
  | {
      readonly kind: "progress";
      readonly currentStep: number;
      readonly totalSteps: number;
      readonly stepsPerSecond: number | null;
      readonly remainingSeconds: number | null;
    }
  /** `step` is the loop index. `loss` is NaN where the log said so, though the bar prints 0: not JSON as it is. */
  | {
      readonly kind: "barLoss";
      readonly step: number;
      readonly loss: number;
      readonly lr: number | null;
    }
  /** `step` is known only when the bar's 0 was read before the line; else the next `barLoss` of 0 becomes NaN. */
  | { readonly kind: "nan"; readonly step: number | null }
  | { readonly kind: "phase"; readonly phase: LogPhase }
  | { readonly kind: "savingStarted"; readonly step: number }
  /** `path` is what was printed; some architectures write other names. `step` null for the final file. */
  | {
      readonly kind: "save";
      readonly step: number | null;
      readonly path: string;
      readonly final: boolean;
    }
  | { readonly kind: "pruned"; readonly path: string }
  | { readonly kind: "sampling"; readonly index: number; readonly total: number }
  /** The path is printed before the step: the event comes once with `step` null, and again when the step is known. */
  | { readonly kind: "resumed"; readonly path: string; readonly step: number | null }
  | { readonly kind: "stopMarker" }
  | { readonly kind: "errorLine"; readonly text: string }
  | { readonly kind: "oomSkipped"; readonly n: number }
  | { readonly kind: "trainerNamed"; readonly text: string }
  | { readonly kind: "traceback"; readonly lastLine: string };

/** Plain JSON; the reader that gets it goes on as if it had read everything itself. */
export interface AiToolkitReaderState {
  readonly version: 1;
  readonly stdout: StreamState;
  readonly stderr: StreamState;
  readonly job: JobState;
}

interface StreamState {
  fragmenter: FragmenterState;
  /** Inside the config that the toolkit prints at its start. */
  inDump: boolean;
  inTraceback: boolean;
  /** The line before was the rule above `Job stopped`. */
  afterRule: boolean;
}

interface JobState {
  phase: LogPhase | null;
  count: number | null;
  total: number;
  stepsPerSecond: number | null;
  /** The loss shown last, as printed. */
  lossText: string | null;
  /** A loss seen at this count whose own redraw cannot be told from the previous step's yet. */
  waiting: { step: number; loss: number; lr: number | null } | null;
  /** "loss is nan" lines whose 0 the bar has not shown yet. */
  nans: number;
  /** Steps that showed exactly 0 and whose line has not come yet: the two streams are separate files. */
  zeros: number[];
  savingStep: number | null;
  resumedFrom: string | null;
}

export interface AiToolkitReader {
  /** The next bytes of one stream. Where both go to one file, give it as either, always the same. */
  push(stream: LogStream, bytes: Uint8Array): LogEvent[];
  /** Reads the unfinished last line of both streams, once the process is gone. */
  end(): LogEvent[];
  /** The bar that is drawn but not yet followed by a separator; changes nothing. */
  peek(): Extract<LogEvent, { kind: "progress" }> | null;
  state(): AiToolkitReaderState;
}

export interface AiToolkitReaderOptions {
  /** The bar's description: the config's `name`, exactly. */
  readonly jobName: string;
  readonly state?: AiToolkitReaderState | undefined;
}

/** Turns AI Toolkit's own output into typed events. The same bytes give the same events however they are cut. */
export function createAiToolkitReader(options: AiToolkitReaderOptions): AiToolkitReader {
  const { jobName } = options;
  const saved = options.state;
  const streams = { stdout: openStream(saved?.stdout), stderr: openStream(saved?.stderr) };
  const job: JobState = saved ? structuredCopy(saved.job) : newJobState();
  const read = (stream: OpenStream, fragments: readonly Fragment[]): LogEvent[] => {
    const events: LogEvent[] = [];
    for (const fragment of fragments) readFragment(fragment, { stream, job, jobName, events });
    return events;
  };

  return {
    push: (name, bytes) => read(streams[name], streams[name].fragmenter.push(bytes)),
    end: () => [streams.stdout, streams.stderr].flatMap((s) => read(s, s.fragmenter.flush())),
    peek() {
      for (const stream of [streams.stderr, streams.stdout]) {
        const fragment = stream.fragmenter.peek();
        const bar = fragment && !fragment.continued ? parseBar(fragment.text, jobName) : null;
        if (bar)
          return progressOf(bar, bar.count === job.count ? job.stepsPerSecond : bar.stepsPerSecond);
      }
      return null;
    },
    state: () => ({
      version: 1,
      stdout: closeStream(streams.stdout),
      stderr: closeStream(streams.stderr),
      job: structuredCopy(job),
    }),
  };
}

interface Reading {
  readonly stream: OpenStream;
  readonly job: JobState;
  readonly jobName: string;
  readonly events: LogEvent[];
}

function readFragment(fragment: Fragment, reading: Reading): void {
  // The middle of an overlong run: nothing in it stands at the beginning of a line.
  if (fragment.continued) return;
  const bar = parseBar(fragment.text, reading.jobName);
  if (bar) {
    reading.stream.inTraceback = false;
    readJobBar(bar, fragment, reading);
    if (bar.tail !== "") readLine(bar.tail, reading);
    return;
  }
  const sampling = samplingBar.exec(fragment.text);
  if (sampling?.[1] !== undefined) return readSamplingBar(sampling[1], reading);
  // In one file for both streams a print may be glued to any bar; what follows that bar is a line too.
  const glued = foreignBar.exec(fragment.text)?.[1]?.trim();
  readLine(glued ? glued : fragment.text.trimEnd(), reading);
}

/**
 * Two redraws a step: the first shows the new loss with the old count n, so it belongs to index n; the second shows
 * count n + 1 with the same loss, and is left out for fast steps. So a loss that differs from the one before belongs
 * to the count beside it. An equal one is either the second redraw of the step before or a first redraw with an
 * equal loss: only when the count has moved on is it sure that this count had its own loss, and that it was equal.
 * A repaint (closing bar, after a traceback) never moves the count on, so it adds nothing.
 */
function readJobBar(bar: Bar, fragment: Fragment, { job, events }: Reading): void {
  const moved = bar.count !== job.count || bar.total !== job.total;
  const newLoss = bar.lossText !== null && bar.lossText !== job.lossText;
  if (moved && job.count !== null && bar.count > job.count && job.waiting !== null) {
    emitLoss(job.waiting, job, events);
  }
  if (moved) job.waiting = null;
  // A count that goes back is another run in the same file.
  if (job.count !== null && bar.count < job.count) job.lossText = null;

  if (moved) {
    // The closing redraw (the only one that ends in a newline at the total) shows the average of the whole run.
    const closing = bar.count >= bar.total && fragment.endedBy !== "\r";
    if (bar.stepsPerSecond !== null && !closing) job.stepsPerSecond = bar.stepsPerSecond;
    job.count = bar.count;
    job.total = bar.total;
    events.push(progressOf(bar, job.stepsPerSecond));
  }
  if (moved || newLoss) setPhase("training", job, events);
  if (bar.loss === null || bar.lossText === null || bar.count >= bar.total) return;

  const loss = { step: bar.count, loss: bar.loss, lr: bar.lr };
  if (bar.lossText !== job.lossText) {
    job.waiting = null;
    emitLoss(loss, job, events);
  } else if (moved) {
    job.waiting = loss;
  }
  job.lossText = bar.lossText;
}

function emitLoss(
  { step, loss, lr }: { step: number; loss: number; lr: number | null },
  job: JobState,
  events: LogEvent[],
): void {
  if (loss === 0 && job.nans > 0) {
    job.nans -= 1;
    events.push({ kind: "barLoss", step, loss: Number.NaN, lr });
    return;
  }
  if (loss === 0) {
    job.zeros.push(step);
    // The streams are read turn by turn, so the line comes soon or never; an old 0 was a real one.
    if (job.zeros.length > rememberedNans) job.zeros.shift();
  }
  events.push({ kind: "barLoss", step, loss, lr });
}

function readSamplingBar(body: string, { job, events }: Reading): void {
  const bar = parseBarBody(body);
  if (!bar) return;
  setPhase("sampling", job, events);
  events.push({ kind: "sampling", index: bar.count, total: bar.total });
}

function readLine(line: string, reading: Reading): void {
  const { stream, job, events } = reading;
  if (line === "") return;
  if (line === "{") {
    stream.inDump = true;
    return;
  }
  if (stream.inDump) {
    // Everything of the dump but its braces is indented; a foreign line in between (stderr in one file) is not.
    if (/^\s/.test(line)) return;
    if (line === "}" || line.startsWith("####")) stream.inDump = false;
    if (line === "}") return;
  }
  if (stream.inTraceback && !/^\s/.test(line) && !tracebackHead.test(line)) {
    stream.inTraceback = false;
    events.push({ kind: "traceback", lastLine: line.slice(0, shownCharacters) });
    return;
  }
  if (tracebackHead.test(line)) {
    stream.inTraceback = true;
    return;
  }
  if (line === "Job stopped" && stream.afterRule) events.push({ kind: "stopMarker" });
  stream.afterRule = line === stopRule;
  for (const rule of rules) {
    if (!line.startsWith(rule.starts)) continue;
    const match = rule.pattern.exec(line);
    if (!match) continue;
    rule.read(match, reading, job);
    return;
  }
}

interface LineRule {
  /** Cheap, literal and anchored: a caption, a path or a job's name elsewhere in the line never counts. */
  readonly starts: string;
  readonly pattern: RegExp;
  readonly read: (match: RegExpExecArray, reading: Reading, job: JobState) => void;
}

const phaseRule = (starts: string, phase: LogPhase, pattern = /^/): LineRule => ({
  starts,
  pattern,
  read: (_match, { events }, job) => {
    // All of these come before the first bar; the other stream's file may just have been read sooner.
    if (job.count === null) setPhase(phase, job, events);
  },
});

const rules: readonly LineRule[] = [
  {
    starts: "loss is nan",
    pattern: /^loss is nan/,
    read: (_match, { events }, job) => {
      const step = job.zeros.shift() ?? null;
      // Several of one step's micro-batches may say so; what is not claimed does not pile up.
      if (step === null) job.nans = Math.min(job.nans + 1, rememberedNans);
      events.push({ kind: "nan", step });
    },
  },
  {
    starts: "Saving at step ",
    pattern: /^Saving at step (\d{1,15})$/,
    read: ([, step], { events }, job) => {
      job.savingStep = Number(step);
      events.push({ kind: "savingStarted", step: Number(step) });
      setPhase("saving", job, events);
    },
  },
  {
    starts: "Saved checkpoint to ",
    pattern: /^Saved checkpoint to (.+)$/,
    read: ([, path = ""], { events, jobName }, job) => {
      events.push(saveOf(path, jobName, job.savingStep));
      job.savingStep = null;
    },
  },
  {
    starts: "Removing old save: ",
    pattern: /^Removing old save: (.+)$/,
    read: ([, path = ""], { events }) => events.push({ kind: "pruned", path }),
  },
  {
    starts: "#### IMPORTANT RESUMING FROM ",
    pattern: /^#### IMPORTANT RESUMING FROM (.+) ####$/,
    read: ([, path = ""], { events }, job) => {
      job.resumedFrom = path;
      events.push({ kind: "resumed", path, step: null });
    },
  },
  {
    starts: "Found step ",
    pattern: /^Found step (\d{1,15}) in metadata/,
    read: ([, step], { events }, job) => {
      if (job.resumedFrom === null) return;
      events.push({ kind: "resumed", path: job.resumedFrom, step: Number(step) });
    },
  },
  {
    starts: "Error running job: ",
    pattern: /^Error running job: (.*)$/,
    read: ([, text = ""], { events }) =>
      events.push({ kind: "errorLine", text: text.slice(0, shownCharacters) }),
  },
  {
    starts: "# OOM during training step, skipping batch ",
    pattern: /^# OOM during training step, skipping batch (\d{1,6})\/\d{1,6} #$/,
    read: ([, n], { events }, job) => {
      // A skipped step has no loss of its own.
      job.waiting = null;
      events.push({ kind: "oomSkipped", n: Number(n) });
    },
  },
  {
    starts: "Trainyard tiny trainer",
    pattern: /^/,
    read: (match, { events }, job) => {
      events.push({ kind: "trainerNamed", text: match.input.slice(0, shownCharacters) });
      setPhase("loading", job, events);
    },
  },
  phaseRule("Running ", "loading", /^Running +\d+ (?:jobs?|process(?:es)?)$/),
  phaseRule("# Running job: ", "loading"),
  phaseRule("Dataset: ", "caching"),
  phaseRule("Caching latents", "caching"),
  phaseRule("Caching text", "caching"),
  phaseRule("Caching clip vision", "caching"),
  phaseRule("Caching embeddings", "caching"),
  phaseRule("Generating controls for ", "caching"),
  phaseRule("Generating Controls:", "caching"),
  phaseRule("Generating baseline samples before training", "sampling"),
  phaseRule("Generating first sample from first sample config", "sampling"),
  {
    starts: "Sampling at step ",
    pattern: /^Sampling at step \d+$/,
    read: (_match, { events }, job) => setPhase("sampling", job, events),
  },
];

/** Both spellings of the sampler's bar: the newer architectures' and the legacy class's. */
const samplingBar = /^Generating (?:Samples|Images): (.*)$/s;
const foreignBar =
  /^.{0,256}?\d{1,3}%\|[^|]{0,512}\| {0,20}\S{1,40}\/\S{1,40} \[[^\]]{0,256}\](.*)$/s;
const stopRule = "=".repeat(40);
/** A data-loader worker's own traceback comes inside the message of the main one. */
const tracebackHead = /^(?:Original )?Traceback \(most recent call last\):/;
const shownCharacters = 2_000;
const rememberedNans = 64;

function saveOf(path: string, jobName: string, savingStep: number | null): LogEvent {
  const file = path.split(/[/\\]/).at(-1) ?? path;
  const stem = file.replace(/\.(?:safetensors|pt|json)$/, "");
  const numbered = /_(\d{9,15})$/.exec(stem)?.[1];
  const step = stem === jobName ? null : numbered === undefined ? savingStep : Number(numbered);
  return { kind: "save", step, path, final: stem === jobName || step === null };
}

function progressOf(
  bar: Bar,
  stepsPerSecond: number | null,
): Extract<LogEvent, { kind: "progress" }> {
  const { count, total, remainingSeconds } = bar;
  return {
    kind: "progress",
    currentStep: count,
    totalSteps: total,
    stepsPerSecond,
    remainingSeconds,
  };
}

function setPhase(phase: LogPhase, job: JobState, events: LogEvent[]): void {
  if (job.phase === phase) return;
  job.phase = phase;
  events.push({ kind: "phase", phase });
}

type OpenStream = Omit<StreamState, "fragmenter"> & {
  readonly fragmenter: ReturnType<typeof createFragmenter>;
};

function openStream(state: StreamState | undefined): OpenStream {
  return {
    fragmenter: createFragmenter(state?.fragmenter),
    inDump: state?.inDump ?? false,
    inTraceback: state?.inTraceback ?? false,
    afterRule: state?.afterRule ?? false,
  };
}

function closeStream({ fragmenter, inDump, inTraceback, afterRule }: OpenStream): StreamState {
  return { fragmenter: fragmenter.state(), inDump, inTraceback, afterRule };
}

function newJobState(): JobState {
  return {
    phase: null,
    count: null,
    total: 0,
    stepsPerSecond: null,
    lossText: null,
    waiting: null,
    nans: 0,
    zeros: [],
    savingStep: null,
    resumedFrom: null,
  };
}

/** A state handed out must not change afterwards, nor the one handed in. */
function structuredCopy(job: JobState): JobState {
  return { ...job, waiting: job.waiting && { ...job.waiting }, zeros: [...job.zeros] };
}
