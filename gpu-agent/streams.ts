import { limits } from "@trainyard/shared/limits.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { Head } from "@trainyard/shared/protocol/items.ts";
import type { EventsFrame, LiveFrame } from "@trainyard/shared/protocol/messages.ts";
import {
  frameAcked,
  frameSent,
  mayFrame,
  resumeSender,
  rewound,
} from "@trainyard/shared/protocol/stream-sender.ts";
import type { SenderState } from "@trainyard/shared/protocol/stream-sender.ts";
import type { Rhythm } from "./connection.ts";
import type { Spool, StreamKey } from "./spool.ts";
import type { Time, Timer } from "./time.ts";

type Frame = Omit<EventsFrame, "epoch"> | Omit<LiveFrame, "epoch">;

export interface StreamsOptions {
  readonly spool: Spool;
  readonly time: Time;
  readonly windowFrames: number;
  readonly rhythm: Rhythm;
  readonly isWatched: (jobId: string) => boolean;
  readonly head: (key: StreamKey) => Head | null;
  readonly buffered: () => number;
  readonly send: (frame: Frame) => void;
  /** [A1] A job that this box found by itself and that the edge has not taken in this session: nothing of it is sent. */
  readonly isHeld: (jobId: string) => boolean;
}

/** The two lanes of one session: what is durable, in order and acknowledged; and what is only live. */
export interface Streams {
  /** What the edge has of each stream; everything it lacks is sent at once. */
  resume(acked: readonly (StreamKey & { readonly acked: number })[]): void;
  committed(key: StreamKey, urgent: boolean): void;
  acked(key: StreamKey, upTo: number): void;
  rewind(key: StreamKey, expected: number): void;
  watched(jobId: string): void;
  /** The edge takes the job now. */
  released(jobId: string): void;
  flushAll(): void;
  close(): void;
}

interface Stream {
  readonly key: StreamKey;
  sender: SenderState;
  lastSeq: number;
  /** Everything up to here is on its way: flushed, if the window was not closed. */
  flushUpTo: number;
  lastFlushAt: number;
  oldestInFlightAt: number | null;
  lastLogTail: string;
}

/** More than this waiting in the socket: a live frame would only be late. */
const liveBufferedBytes = 64 * 1024;

export function createStreams(options: StreamsOptions): Streams {
  const { spool, time, rhythm } = options;
  const streams = new Map<string, Stream>();
  const window = { windowFrames: options.windowFrames };
  let timer: Timer | null = null;
  let live: Timer | null = null;
  let lastLive = new Map<string, string>();
  let closed = false;

  const streamOf = (key: StreamKey, ackedByEdge?: number): Stream => {
    const name = `${key.jobId}/${key.attempt}`;
    let stream = streams.get(name);
    if (stream === undefined) {
      const row = spool.stream(key);
      stream = {
        key: { jobId: key.jobId, attempt: key.attempt },
        sender: resumeSender(ackedByEdge ?? row?.acked ?? 0),
        lastSeq: row?.lastSeq ?? 0,
        flushUpTo: 0,
        lastFlushAt: Number.NEGATIVE_INFINITY,
        oldestInFlightAt: null,
        lastLogTail: "",
      };
      streams.set(name, stream);
    }
    return stream;
  };

  /** The log's end only where it changed since the last frame of this stream. */
  const headFor = (stream: Stream): Head | null => {
    const head = options.head(stream.key);
    if (head === null) return null;
    const tail = JSON.stringify(head.logTail ?? []);
    if (tail === stream.lastLogTail) return { ...head, logTail: null };
    stream.lastLogTail = tail;
    return head;
  };

  const pump = (stream: Stream): void => {
    if (closed || options.isHeld(stream.key.jobId)) return;
    const goal = Math.min(stream.flushUpTo, stream.lastSeq);
    while (mayFrame(stream.sender, goal, window)) {
      const from = stream.sender.sent + 1;
      const items = spool.read(stream.key, from, {
        items: Math.min(limits.frameItems, goal - from + 1),
        bytes: limits.frameSoftBytes,
      });
      const head = headFor(stream);
      if (items.length === 0 || head === null) return;
      const upTo = from + items.length - 1;
      // Before it leaves: from here on the bodies may not change.
      spool.sent(stream.key, upTo);
      options.send({ type: "events", ...stream.key, from, items: [...items], head });
      stream.sender = frameSent(stream.sender, upTo);
      stream.oldestInFlightAt ??= time.monotonic();
    }
  };

  const flush = (stream: Stream): void => {
    stream.flushUpTo = stream.lastSeq;
    stream.lastFlushAt = time.monotonic();
    pump(stream);
  };

  const intervalOf = (stream: Stream): number =>
    options.isWatched(stream.key.jobId) ? rhythm.durableFlushWatchedMs : rhythm.durableFlushIdleMs;

  /** One timer for all streams, at the earliest thing due. */
  const schedule = (): void => {
    if (closed) return;
    timer?.cancel();
    timer = null;
    let dueAt = Number.POSITIVE_INFINITY;
    for (const stream of streams.values()) {
      if (stream.sender.inFlight.length > 0 && stream.oldestInFlightAt !== null) {
        dueAt = Math.min(dueAt, stream.oldestInFlightAt + rhythm.ackTimeoutMs);
      }
      if (stream.flushUpTo < stream.lastSeq)
        dueAt = Math.min(dueAt, stream.lastFlushAt + intervalOf(stream));
    }
    if (dueAt === Number.POSITIVE_INFINITY) return;
    timer = time.after(Math.max(0, dueAt - time.monotonic()), () => {
      const now = time.monotonic();
      for (const stream of streams.values()) {
        if (
          stream.oldestInFlightAt !== null &&
          now >= stream.oldestInFlightAt + rhythm.ackTimeoutMs
        ) {
          // The edge is there but never answered: it failed between taking and committing. It drops what it has.
          stream.sender = rewound(stream.sender, stream.sender.acked + 1);
          stream.oldestInFlightAt = null;
          pump(stream);
        }
        if (stream.flushUpTo < stream.lastSeq && now >= stream.lastFlushAt + intervalOf(stream))
          flush(stream);
      }
      schedule();
    });
  };

  const beatLive = (): void => {
    if (closed || live !== null) return;
    live = time.after(rhythm.liveIntervalMs, () => {
      live = null;
      let anyWatched = false;
      for (const stream of streams.values()) {
        if (!options.isWatched(stream.key.jobId) || options.isHeld(stream.key.jobId)) continue;
        anyWatched = true;
        if (options.buffered() > liveBufferedBytes) continue;
        const head = options.head(stream.key);
        if (head === null || isTerminal(head.state)) continue;
        const name = `${stream.key.jobId}/${stream.key.attempt}`;
        const text = JSON.stringify({ ...head, observedAtMs: 0 });
        if (lastLive.get(name) === text) continue;
        lastLive.set(name, text);
        const shown = headFor(stream);
        if (shown !== null) options.send({ type: "live", ...stream.key, head: shown });
      }
      if (anyWatched) beatLive();
      else lastLive = new Map();
    });
  };

  return {
    resume(acked) {
      const known = new Map(acked.map((one) => [`${one.jobId}/${one.attempt}`, one.acked]));
      for (const row of spool.openStreams()) {
        const key = { jobId: row.jobId, attempt: row.attempt };
        const ackedByEdge = known.get(`${key.jobId}/${key.attempt}`);
        if (ackedByEdge !== undefined) spool.acked(key, ackedByEdge);
        flush(streamOf(key, ackedByEdge));
        if (options.isWatched(key.jobId)) beatLive();
      }
      schedule();
    },
    committed(key, urgent) {
      const stream = streamOf(key);
      stream.lastSeq = spool.stream(key)?.lastSeq ?? stream.lastSeq;
      const due = time.monotonic() - stream.lastFlushAt >= intervalOf(stream);
      if (urgent || due) flush(stream);
      if (options.isWatched(key.jobId)) beatLive();
      schedule();
    },
    acked(key, upTo) {
      const stream = streamOf(key);
      spool.acked(key, upTo);
      stream.sender = frameAcked(stream.sender, upTo);
      stream.lastSeq = spool.stream(key)?.lastSeq ?? stream.lastSeq;
      stream.oldestInFlightAt = stream.sender.inFlight.length > 0 ? time.monotonic() : null;
      pump(stream);
      schedule();
    },
    rewind(key, expected) {
      const stream = streamOf(key);
      // Below what it had acknowledged: the edge lost something, and counts from there again.
      stream.sender =
        expected <= stream.sender.acked
          ? resumeSender(expected - 1)
          : rewound(stream.sender, expected);
      stream.oldestInFlightAt = null;
      pump(stream);
      schedule();
    },
    watched(jobId) {
      for (const stream of streams.values()) {
        if (stream.key.jobId === jobId && stream.flushUpTo < stream.lastSeq) flush(stream);
      }
      beatLive();
      schedule();
    },
    released(jobId) {
      for (const row of spool.openStreams()) {
        if (row.jobId === jobId) flush(streamOf({ jobId, attempt: row.attempt }));
      }
      schedule();
    },
    flushAll() {
      for (const stream of streams.values()) flush(stream);
    },
    close() {
      closed = true;
      timer?.cancel();
      live?.cancel();
    },
  };
}
