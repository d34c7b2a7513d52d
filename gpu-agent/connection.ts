import type {
  Announce,
  Announced,
  Call,
  Capabilities,
  EdgeMessage,
} from "@trainyard/shared/protocol/messages.ts";
import type { AgentMessage } from "@trainyard/shared/protocol/messages.ts";
import { freshBackoff, nextDelay } from "@trainyard/shared/protocol/backoff.ts";
import type { CallOutcome } from "@trainyard/shared/protocol/call-ledger.ts";
import { decodeEdgeMessage, encodeMessage } from "@trainyard/shared/protocol/codec.ts";
import type { Head } from "@trainyard/shared/protocol/items.ts";
import {
  helloText,
  negotiateProtocol,
  pingText,
  pongText,
  protocolVersions,
} from "@trainyard/shared/protocol/version.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Identity } from "./home.ts";
import type { JobHead } from "./jobs/supervisor.ts";
import type { Log } from "./log.ts";
import { errorFields } from "./log.ts";
import type { Spool, StreamKey } from "./spool.ts";
import { createStreams } from "./streams.ts";
import type { Streams } from "./streams.ts";
import type { Time, Timer } from "./time.ts";

/** The part of a WebSocket that is used; `openSocket` in web-socket.ts makes one of `ws`. */
interface AgentSocket {
  send(text: string): void;
  /** Bytes handed over and not yet on the network. */
  buffered(): number;
  close(code: number, reason: string): void;
  /** Ends it now: a half-open connection never answers a close. */
  terminate(): void;
}

export interface SocketEvents {
  readonly onText: (text: string) => void;
  readonly onClosed: (code: number, reason: string) => void;
}

export type OpenSocket = (
  target: { readonly url: string; readonly agentId: string },
  events: SocketEvents,
) => AgentSocket;

export interface Rhythm {
  readonly helloTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly durableFlushIdleMs: number;
  readonly durableFlushWatchedMs: number;
  readonly liveIntervalMs: number;
}

export interface ConnectionOptions {
  /** http(s) address of the control plane. */
  readonly url: string;
  readonly identity: Identity;
  readonly instanceId: string;
  readonly bootId: string;
  readonly capabilities: () => Promise<Capabilities>;
  readonly heads: () => readonly JobHead[];
  readonly head: (key: StreamKey) => Head | null;
  readonly onCall: (call: Call, answer: (outcome: CallOutcome) => void) => void;
  readonly onWatch: (jobId: string, forMs: number) => void;
  /** Jobs that this box found by itself; a box that looks for none has none. */
  readonly found?: FoundJobs;
  readonly spool: Spool;
  readonly time: Time;
  readonly random: () => number;
  readonly log: Log;
  readonly openSocket: OpenSocket;
  readonly rhythm?: Partial<Rhythm>;
}

export interface FoundJobs {
  /** [A1] Not taken by the edge in this session. */
  isHeld(jobId: string): boolean;
  /** A session begins; `named` are the jobs that its welcome names. */
  welcomed(session: { readonly accepts: boolean; readonly named: readonly string[] }): void;
  answered(announced: Announced): void;
}

export interface Connection {
  /** Items of this stream became durable. */
  committed(key: StreamKey, urgent: boolean): void;
  /** False where nobody is there to hear it, or an edge that does not know such a message. */
  announce(job: Announce["job"]): boolean;
  /** The edge takes the job: what its streams hold goes out. */
  release(jobId: string): void;
  status(): { readonly epoch: number | null };
  close(): void;
}

interface Session {
  readonly socket: AgentSocket;
  epoch: number | null;
  welcomedAt: number | null;
  heardAt: number;
  retryAfterMs: number | null;
  accepts: readonly string[];
  readonly timers: Set<Timer>;
  streams: Streams | null;
}

/** Keeps one session with the control plane alive, for ever; training never waits for it. */
export function connect(options: ConnectionOptions): Connection {
  const { time, log, identity, spool } = options;
  const rhythm: Rhythm = { ...limits, ...options.rhythm };
  const target = socketTarget(options.url);
  let session: Session | null = null;
  let backoff = freshBackoff;
  let retry: Timer | null = null;
  let closed = false;
  /** By the agent's own monotonic clock; survives a reconnect, as the viewer does. */
  const watchedUntil = new Map<string, number>();
  const isWatched = (jobId: string): boolean => (watchedUntil.get(jobId) ?? 0) > time.monotonic();

  const after = (current: Session, delayMs: number, run: () => void): void => {
    const timer = time.after(delayMs, () => {
      current.timers.delete(timer);
      if (session === current) run();
    });
    current.timers.add(timer);
  };

  const send = (current: Session, message: AgentMessage): void => {
    if (session === current) current.socket.send(encodeMessage(message));
  };

  const dial = (): void => {
    retry = null;
    if (closed) return;
    const opened: Session = {
      socket: options.openSocket(
        { url: target.socketUrl, agentId: identity.agentId },
        {
          onText: (text) => {
            if (session !== opened) return;
            opened.heardAt = time.monotonic();
            if (text === pongText) return;
            receive(opened, text);
          },
          onClosed: (code, reason) => lost(opened, code, reason),
        },
      ),
      epoch: null,
      welcomedAt: null,
      heardAt: time.monotonic(),
      retryAfterMs: null,
      accepts: [],
      timers: new Set(),
      streams: null,
    };
    session = opened;
    after(opened, rhythm.helloTimeoutMs, () => {
      if (opened.epoch !== null) return;
      log("warn", "the control plane did not welcome this agent in time");
      opened.socket.terminate();
    });
  };

  const lost = (was: Session, code: number, reason: string): void => {
    if (session !== was) return;
    session = null;
    for (const timer of was.timers) timer.cancel();
    was.streams?.close();
    if (closed) return;
    const next = nextDelay(
      backoff,
      {
        sessionMs: was.welcomedAt === null ? null : time.monotonic() - was.welcomedAt,
        closeCode: code,
        retryAfterMs: was.retryAfterMs,
      },
      options.random(),
    );
    backoff = next.state;
    log("info", "disconnected", { code, reason: reason.slice(0, 200), retry_in_ms: next.delayMs });
    retry = time.after(next.delayMs, dial);
  };

  const receive = (current: Session, text: string): void => {
    let message: EdgeMessage;
    try {
      message = decodeEdgeMessage(text);
    } catch (error) {
      // A newer edge may say what this version does not know; it is not a reason to part.
      log("warn", "a message was not understood", errorFields(error));
      return;
    }
    switch (message.type) {
      case "challenge":
        answerChallenge(current, message).catch((error: unknown) => {
          log("error", "the challenge was not answered", errorFields(error));
          current.socket.close(1008, "challenge refused");
        });
        return;
      case "welcome":
        welcomed(current, message);
        return;
      case "reject":
        current.retryAfterMs = message.retryAfterMs ?? limits.reconnectCapMs;
        log("error", "the control plane refused this agent; training goes on", {
          code: message.error.code,
          reason: message.error.message,
          hint: message.error.hint,
        });
        current.socket.close(1000, "rejected");
        return;
      case "ack":
        if (message.epoch === current.epoch) current.streams?.acked(message, message.upTo);
        return;
      case "nack":
        if (message.epoch === current.epoch) current.streams?.rewind(message, message.expected);
        return;
      case "call":
        if (message.epoch !== current.epoch) return;
        // The answer goes to whichever session is there when it is ready: the call's id finds its caller.
        options.onCall(message, (outcome) => {
          if (session?.epoch != null)
            send(session, { type: "result", callId: message.callId, outcome });
        });
        return;
      case "watch":
        if (message.epoch !== current.epoch) return;
        for (const [name, until] of watchedUntil)
          if (until < time.monotonic()) watchedUntil.delete(name);
        watchedUntil.set(
          message.jobId,
          time.monotonic() + Math.min(message.forMs, limits.watchedForMs * 10),
        );
        options.onWatch(message.jobId, message.forMs);
        current.streams?.watched(message.jobId);
        return;
      case "announced":
        if (message.epoch === current.epoch) options.found?.answered(message);
        return;
    }
  };

  const answerChallenge = async (
    current: Session,
    challenge: Extract<EdgeMessage, { type: "challenge" }>,
  ): Promise<void> => {
    if (challenge.origin !== target.origin) {
      throw new Error(
        `the other side calls itself ${challenge.origin}, but ${target.origin} was dialled`,
      );
    }
    if (negotiateProtocol(challenge.protocols) === null) {
      log("error", "no common protocol: this agent or the control plane must be updated", {});
    }
    const { agentId } = identity;
    const { instanceId, bootId } = options;
    const capabilities = await options.capabilities();
    send(current, {
      type: "hello",
      protocols: [...protocolVersions],
      agentId,
      signature: identity.sign(
        helloText({ origin: target.origin, agentId, instanceId, nonce: challenge.nonce }),
      ),
      instanceId,
      machineId: identity.machineId,
      bootId,
      capabilities,
      jobs: options
        .heads()
        .map(({ jobId, attempt, lastSeq, head }) => ({ jobId, attempt, lastSeq, head })),
    });
  };

  const welcomed = (current: Session, message: Extract<EdgeMessage, { type: "welcome" }>): void => {
    const { epoch } = message;
    current.epoch = epoch;
    current.welcomedAt = time.monotonic();
    log("info", "connected", { epoch });
    current.streams = createStreams({
      spool,
      time,
      windowFrames: Math.min(message.windowFrames, limits.windowFrames),
      rhythm,
      isWatched,
      head: options.head,
      buffered: () => current.socket.buffered(),
      send: (frame) => send(current, { ...frame, epoch }),
      isHeld: (jobId) => options.found?.isHeld(jobId) ?? false,
    });
    current.accepts = message.accepts ?? [];
    options.found?.welcomed({
      accepts: current.accepts.includes("announce"),
      named: message.resume.map(({ jobId }) => jobId),
    });
    current.streams.resume(message.resume);
    beat(current);
  };

  const beat = (current: Session): void => {
    after(current, rhythm.pingIntervalMs, () => {
      if (time.monotonic() - current.heardAt >= rhythm.pongTimeoutMs) {
        log("warn", "the control plane is silent: the session is ended");
        current.socket.terminate();
        return;
      }
      current.socket.send(pingText);
      beat(current);
    });
  };

  dial();

  return {
    committed: (key, urgent) => session?.streams?.committed(key, urgent),
    announce(job) {
      if (session?.epoch == null || !session.accepts.includes("announce")) return false;
      send(session, { type: "announce", epoch: session.epoch, job });
      return true;
    },
    release: (jobId) => session?.streams?.released(jobId),
    status: () => ({ epoch: session?.epoch ?? null }),
    close() {
      if (closed) return;
      closed = true;
      retry?.cancel();
      const last = session;
      if (last === null) return;
      last.streams?.flushAll();
      for (const timer of last.timers) timer.cancel();
      last.streams?.close();
      session = null;
      last.socket.close(1000, "the agent stops");
    },
  };
}

function socketTarget(url: string): { readonly socketUrl: string; readonly origin: string } {
  const parsed = new URL(url);
  const secure = parsed.protocol === "https:" || parsed.protocol === "wss:";
  if (!secure && parsed.protocol !== "http:" && parsed.protocol !== "ws:") {
    throw new Error(`not an address of a control plane: ${url}`);
  }
  const base = `${parsed.host}${parsed.pathname.replace(/\/+$/, "")}`;
  return {
    socketUrl: `${secure ? "wss" : "ws"}://${base}/agent`,
    origin: `${secure ? "https" : "http"}://${parsed.host}`,
  };
}
