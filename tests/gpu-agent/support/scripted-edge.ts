import { createPublicKey, randomBytes, verify } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { hashJson } from "@trainyard/shared/canonical-json.ts";
import { newCallId } from "@trainyard/shared/ids.ts";
import type { CallOutcome } from "@trainyard/shared/protocol/call-ledger.ts";
import { decodeAgentMessage } from "@trainyard/shared/protocol/codec.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import type {
  AgentMessage,
  Announce,
  Announced,
  EdgeMessage,
  EventsFrame,
  Hello,
} from "@trainyard/shared/protocol/messages.ts";
import type { OperationArgs, OperationName } from "@trainyard/shared/protocol/operations.ts";
import { receiveFrame } from "@trainyard/shared/protocol/stream-receiver.ts";
import { helloText } from "@trainyard/shared/protocol/version.ts";

/** A control plane that is only the agent link, following the protocol's receiving rules, with faults to order. */
export interface ScriptedEdge {
  readonly url: string;
  readonly hellos: Hello[];
  readonly frames: EventsFrame[];
  readonly lives: AgentMessage[];
  /** Jobs that the agent introduced, in order. */
  readonly announces: Announce["job"][];
  readonly pings: () => number;
  /** Everything committed of one attempt, in order. */
  items(jobId: string, attempt?: number): readonly Item[];
  head(jobId: string): Head | null;
  call<Name extends OperationName>(
    operation: Name,
    args: OperationArgs<Name>,
    options?: { callId?: string; argsHash?: string },
  ): Promise<CallOutcome>;
  watch(jobId: string, forMs: number): void;
  cut(): void;
  connected(): boolean;
  send(message: Record<string, unknown>): void;
  /** Faults: answer instead of the rules. */
  fault: {
    origin: string | null;
    dropAcks: boolean;
    dropFrames: (frame: EventsFrame) => boolean;
    silent: boolean;
    reject: Extract<EdgeMessage, { type: "reject" }> | null;
    /** An edge of the release before: it knows nothing of introductions. */
    accepts: readonly string[] | null;
    /** Takes nothing of a job that it neither gave nor was told of. */
    strict: boolean;
    announced: (job: Announce["job"]) => Announced["outcome"];
  };
  http: (request: IncomingMessage, response: ServerResponse) => void;
  close(): Promise<void>;
}

export async function startScriptedEdge(
  options: { port?: number; publicKey?: () => string } = {},
): Promise<ScriptedEdge> {
  const committed = new Map<string, Item[]>();
  const heads = new Map<string, Head>();
  const waiting = new Map<string, (outcome: CallOutcome) => void>();
  const hellos: Hello[] = [];
  const frames: EventsFrame[] = [];
  const lives: AgentMessage[] = [];
  const announces: Announce["job"][] = [];
  /** Jobs that this edge gave to the agent. */
  const started = new Set<string>();
  const introduced = new Set<string>();
  let current: WebSocket | null = null;
  let epoch = 0;
  let pings = 0;

  const edge = {
    fault: {
      origin: null as string | null,
      dropAcks: false,
      dropFrames: (() => false) as (frame: EventsFrame) => boolean,
      silent: false,
      reject: null as Extract<EdgeMessage, { type: "reject" }> | null,
      accepts: ["announce"] as readonly string[] | null,
      strict: false,
      announced: ((job) => {
        const attempts = [...committed.keys()].filter((name) => name.startsWith(`${job.jobId}/`));
        const attempt = attempts.length;
        const items = committed.get(`${job.jobId}/${attempt}`) ?? [];
        const state = items.findLast((item) => item.kind === "state");
        const steps = items.flatMap((item) => (item.kind === "metrics" ? item.steps : []));
        return {
          ok: true,
          attempt,
          acked: items.length,
          state: state?.kind === "state" ? state.state : "queued",
          lastStep: steps.length === 0 ? null : Math.max(...steps),
        };
      }) as (job: Announce["job"]) => Announced["outcome"],
    },
    http: ((_request, response) => {
      response.writeHead(404).end();
    }) as ScriptedEdge["http"],
  };
  const server = createServer((request, response) => edge.http(request, response));
  const sockets = new WebSocketServer({ server, path: "/agent", perMessageDeflate: false });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  sockets.on("connection", (socket, request) => {
    const nonce = randomBytes(32).toString("base64");
    const origin = edge.fault.origin ?? url;
    const send = (message: EdgeMessage): void => socket.send(JSON.stringify(message));
    const agentId = request.headers["x-trainyard-agent"];
    send({ type: "challenge", nonce, origin, protocols: [1] });
    socket.on("message", (data) => {
      const text = (data as Buffer).toString();
      if (edge.fault.silent) return;
      if (text === "ping") {
        pings += 1;
        socket.send("pong");
        return;
      }
      const message = decodeAgentMessage(text);
      if (message.type === "hello") {
        if (message.agentId !== agentId) throw new Error("the header names another agent");
        const key = options.publicKey?.();
        if (key !== undefined) proveHello(message, key, { nonce, origin });
        hellos.push(message);
        if (edge.fault.reject !== null) return send(edge.fault.reject);
        epoch += 1;
        current = socket;
        const known = message.jobs.filter(
          ({ jobId }) => !edge.fault.strict || started.has(jobId) || introduced.has(jobId),
        );
        const resume = known.map(({ jobId, attempt }) => ({
          jobId,
          attempt,
          acked: committed.get(`${jobId}/${attempt}`)?.length ?? 0,
        }));
        for (const job of message.jobs) heads.set(job.jobId, job.head);
        const accepts = edge.fault.accepts === null ? {} : { accepts: [...edge.fault.accepts] };
        send({ type: "welcome", protocol: 1, epoch, resume, windowFrames: 4, ...accepts });
        return;
      }
      if (socket !== current) return;
      if (message.type === "result") {
        waiting.get(message.callId)?.(message.outcome as CallOutcome);
        waiting.delete(message.callId);
        return;
      }
      if (message.epoch !== epoch) throw new Error("a frame of another epoch");
      if (message.type === "announce") {
        if (edge.fault.accepts === null) throw new Error("an introduction to an old edge");
        const { job } = message;
        announces.push(job);
        const outcome = edge.fault.announced(job);
        if (outcome.ok) introduced.add(job.jobId);
        return send({ type: "announced", epoch, jobId: job.jobId, outcome });
      }
      const isKnown = started.has(message.jobId) || introduced.has(message.jobId);
      if (edge.fault.strict && !isKnown) throw new Error("a job that nobody knows");
      heads.set(message.jobId, message.head);
      if (message.type === "live") {
        lives.push(message);
        return;
      }
      frames.push(message);
      if (edge.fault.dropFrames(message)) return;
      const { jobId, attempt } = message;
      const name = `${jobId}/${attempt}`;
      const items = committed.get(name) ?? [];
      const reception = receiveFrame(items.length, message.from, message.items.length);
      if (reception.kind === "hole") {
        send({ type: "nack", epoch, jobId, attempt, expected: reception.expected });
        return;
      }
      if (reception.kind === "apply") items.push(...message.items.slice(reception.skip));
      committed.set(name, items);
      if (!edge.fault.dropAcks) send({ type: "ack", epoch, jobId, attempt, upTo: items.length });
    });
    socket.on("close", () => {
      if (socket === current) current = null;
    });
  });

  return Object.assign(edge, {
    url,
    hellos,
    frames,
    lives,
    announces,
    pings: () => pings,
    items: (jobId: string, attempt = 1) => committed.get(`${jobId}/${attempt}`) ?? [],
    head: (jobId: string) => heads.get(jobId) ?? null,
    async call(
      operation: OperationName,
      args: unknown,
      given: { callId?: string; argsHash?: string } = {},
    ) {
      const callId = given.callId ?? newCallId();
      const argsHash = given.argsHash ?? (await hashJson(args));
      if (operation === "start-attempt") started.add((args as { jobId: string }).jobId);
      const outcome = new Promise<CallOutcome>((resolve) => waiting.set(callId, resolve));
      current?.send(JSON.stringify({ type: "call", epoch, callId, operation, argsHash, args }));
      return outcome;
    },
    watch: (jobId: string, forMs: number) => {
      current?.send(JSON.stringify({ type: "watch", epoch, jobId, forMs }));
    },
    send: (message: Record<string, unknown>) => {
      current?.send(JSON.stringify({ epoch, ...message }));
    },
    cut: () => {
      for (const socket of sockets.clients) socket.terminate();
    },
    connected: () => current !== null,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function proveHello(
  hello: Hello,
  publicKey: string,
  expected: { nonce: string; origin: string },
): void {
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey, "base64").toString("base64url") },
    format: "jwk",
  });
  const text = helloText({ ...expected, agentId: hello.agentId, instanceId: hello.instanceId });
  if (!verify(null, Buffer.from(text), key, Buffer.from(hello.signature, "base64"))) {
    throw new Error("the hello's signature is wrong");
  }
}
