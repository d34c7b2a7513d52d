import { type Bar, parseBarAt, parseBarBody } from "../bars/bar.ts";
import { progressOf, readJobBar } from "./bar-losses.ts";
import type { Fragment } from "../fragments.ts";
import { readByRule, shownCharacters } from "./line-rules.ts";
import type { LogEvent, LogStream } from "./log-events.ts";
import {
  type AiToolkitReaderState,
  closeStream,
  closeJob,
  newJobState,
  openJob,
  openStream,
  type OpenStream,
  type Reading,
  setPhase,
} from "./reader-state.ts";

export type { LogEvent } from "./log-events.ts";

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
  const job = openJob(saved?.job ?? newJobState());
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
        const bar = fragment && !fragment.continued ? barIn(fragment, jobName) : null;
        if (bar)
          return progressOf(bar, bar.count === job.count ? job.stepsPerSecond : bar.stepsPerSecond);
      }
      return null;
    },
    state: () => ({
      version: 1,
      stdout: closeStream(streams.stdout),
      stderr: closeStream(streams.stderr),
      job: closeJob(job),
    }),
  };
}

function readFragment(fragment: Fragment, reading: Reading): void {
  // The middle of an overlong run: nothing in it stands at the beginning of a line.
  if (fragment.continued) return;
  const bar = barIn(fragment, reading.jobName);
  if (bar) {
    reading.stream.inTraceback = false;
    readJobBar(bar, fragment, reading);
    if (bar.tail !== "") readLine(bar.tail, reading);
    return;
  }
  const { text } = fragment;
  const sampling = samplingBar.exec(text);
  if (sampling?.[1] !== undefined) return readSamplingBar(sampling[1], reading);
  // In one file for both streams a print may be glued to any bar; what follows that bar is a line too.
  const glued = foreignBar.exec(text)?.[1]?.trim();
  readLine(glued ? glued : text.trimEnd(), reading);
}

function barIn({ source, from, to }: Fragment, jobName: string): Bar | null {
  return parseBarAt(source, from, to, jobName);
}

function readSamplingBar(body: string, { job, events }: Reading): void {
  const bar = parseBarBody(body);
  if (!bar) return;
  setPhase("sampling", job, events);
  events.push({ kind: "sampling", index: bar.count, total: bar.total });
}

function readLine(line: string, reading: Reading): void {
  const { stream, events } = reading;
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
  readByRule(line, reading);
}

/** Both spellings of the sampler's bar: the newer architectures' and the legacy class's. */
const samplingBar = /^Generating (?:Samples|Images): (.*)$/s;
const foreignBar =
  /^.{0,256}?\d{1,3}%\|[^|]{0,512}\| {0,20}\S{1,40}\/\S{1,40} \[[^\]]{0,256}\](.*)$/s;
const stopRule = "=".repeat(40);
/** A data-loader worker's own traceback comes inside the message of the main one. */
const tracebackHead = /^(?:Original )?Traceback \(most recent call last\):/;
