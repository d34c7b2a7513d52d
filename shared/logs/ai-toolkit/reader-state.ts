import { createFragmenter, type FragmenterState } from "../fragments.ts";
import type { LogEvent, LogPhase } from "./log-events.ts";

/** Plain JSON; the reader that gets it goes on as if it had read everything itself. */
export interface AiToolkitReaderState {
  readonly version: 1;
  readonly stdout: StreamState;
  readonly stderr: StreamState;
  readonly job: ReaderJobState;
}

export interface StreamState {
  fragmenter: FragmenterState;
  /** Inside the config that the toolkit prints at its start. */
  inDump: boolean;
  inTraceback: boolean;
  /** The line before was the rule above `Job stopped`. */
  afterRule: boolean;
}

/** "loss is nan" lines and zeros that wait for each other, at most. */
export const rememberedNans = 64;

export interface ReaderJobState {
  phase: LogPhase | null;
  count: number | null;
  total: number;
  stepsPerSecond: number | null;
  /** The loss shown last, as text: JSON has no NaN. */
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

/** The same while it is read: numbers are compared, not texts. */
export type OpenJob = Omit<ReaderJobState, "lossText"> & { shownLoss: number | null };

/** What reading one fragment may see and change. */
export interface Reading {
  readonly stream: OpenStream;
  readonly job: OpenJob;
  readonly jobName: string;
  readonly events: LogEvent[];
}

export type OpenStream = Omit<StreamState, "fragmenter"> & {
  readonly fragmenter: ReturnType<typeof createFragmenter>;
};

export function openStream(state: StreamState | undefined): OpenStream {
  return {
    fragmenter: createFragmenter(state?.fragmenter),
    inDump: state?.inDump ?? false,
    inTraceback: state?.inTraceback ?? false,
    afterRule: state?.afterRule ?? false,
  };
}

export function closeStream({
  fragmenter,
  inDump,
  inTraceback,
  afterRule,
}: OpenStream): StreamState {
  return { fragmenter: fragmenter.state(), inDump, inTraceback, afterRule };
}

export function newJobState(): ReaderJobState {
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

/** A state handed in must not change afterwards. */
export function openJob({ lossText, ...rest }: ReaderJobState): OpenJob {
  return {
    ...rest,
    shownLoss: lossText === null ? null : Number(lossText),
    waiting: rest.waiting && { ...rest.waiting },
    zeros: [...rest.zeros],
  };
}

/** Nor one handed out. */
export function closeJob({ shownLoss, ...rest }: OpenJob): ReaderJobState {
  return {
    ...rest,
    lossText: shownLoss === null ? null : String(shownLoss),
    waiting: rest.waiting && { ...rest.waiting },
    zeros: [...rest.zeros],
  };
}

export function setPhase(phase: LogPhase, job: OpenJob, events: LogEvent[]): void {
  if (job.phase === phase) return;
  job.phase = phase;
  events.push({ kind: "phase", phase });
}
