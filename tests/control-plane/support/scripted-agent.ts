import { AppError, errorToWire } from "@trainyard/shared/errors.ts";
import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import { decodeEdgeMessage } from "@trainyard/shared/protocol/codec.ts";
import type {
  AgentMessage,
  Announce,
  Announced,
  Call,
  Capabilities,
  EdgeMessage,
} from "@trainyard/shared/protocol/messages.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import type {
  OperationArgs,
  OperationName,
  OperationValue,
} from "@trainyard/shared/protocol/operations.ts";
import { tools } from "@trainyard/shared/tools/registry.ts";
import { helloText, subprotocol } from "@trainyard/shared/protocol/version.ts";
import { unzipSync } from "fflate";
import type { Yard } from "./yard.ts";

export type Script = {
  [Name in OperationName]?: (
    args: OperationArgs<Name>,
    agent: ScriptedAgent,
  ) => OperationValue<Name> | Promise<OperationValue<Name>>;
};

/** A box that answers from a table, over a real socket and with a real signature. */
export interface ScriptedAgent {
  readonly agentId: string;
  readonly calls: readonly Call[];
  /** Files as the box has them, by "dataset/name" or "segment/segment". */
  readonly files: Map<string, Uint8Array>;
  readonly watched: readonly string[];
  argsOf<Name extends OperationName>(operation: Name): OperationArgs<Name>[];
  events(jobId: string, items: Item[], head: Partial<Head>, attempt?: number): Promise<void>;
  /** The job's last frame once more, as after a lost acknowledgement. */
  repeat(jobId: string): Promise<void>;
  /** Introduces a job that nobody gave to it. */
  announce(job: Announce["job"]): Promise<Announced["outcome"]>;
  /** What the welcome said it may send. */
  readonly accepts: readonly string[];
  live(jobId: string, head: Partial<Head>): void;
  close(): Promise<void>;
}

export const fullCapabilities: Capabilities = {
  name: "workshop",
  software: "0.1.0",
  platform: "linux x64",
  trainers: [
    { name: "ai-toolkit", found: true, version: "27a03a91", reason: null },
    { name: "tiny", found: true, version: "0.1.0", reason: null },
  ],
  slots: ["gpu:0", "cpu"],
  operations: Object.keys(operations),
  tools: tools.filter(({ runsOn }) => runsOn === "agent").map(({ name }) => name),
  gpus: [{ index: 0, name: "RTX 4090", memoryMib: 24_564 }],
};

const found = (reference: string) => ({
  reference,
  name: reference.split("/").at(-1) ?? reference,
  exists: true,
  isDirectory: true,
  images: 20,
  captioned: 20,
  emptyCaptions: 0,
  totalBytes: 1_000_000,
  fingerprint: "f".repeat(64),
  scanLimited: false,
});

/** What a healthy box says; a test's own script goes before it. */
const healthy: Script = {
  "start-attempt": () => ({ accepted: true }),
  "list-configs": () => ({ configs: [], more: false }),
  "read-config": () => ({ config: null }),
  "stop-attempt": () => ({ outcome: "stopping", state: "stopping" }),
  preflight: (args) => ({
    trainer: args.trainer === null ? null : { found: true, reason: null },
    datasets: args.datasets.map(found),
    freeBytes: 1e12,
  }),
};

export function headOf(change: Partial<Head>): Head {
  return {
    state: "running",
    phase: null,
    currentStep: 0,
    totalSteps: 100,
    stepsPerSecond: null,
    remainingSeconds: null,
    loss: null,
    lr: null,
    observedAtMs: Date.now(),
    ...change,
  };
}

export async function connectAgent(
  yard: Yard,
  script: Script = {},
  options: { readonly capabilities?: Partial<Capabilities>; readonly at?: number } = {},
): Promise<ScriptedAgent> {
  const keys = yard.agents[options.at ?? 0];
  if (keys === undefined) throw new Error("the yard has no such agent");
  const response = await yard.fetch("/agent", {
    headers: {
      upgrade: "websocket",
      "sec-websocket-protocol": subprotocol,
      "x-trainyard-agent": keys.agentId,
    },
  });
  const socket = response.webSocket;
  if (socket === null || socket === undefined) throw new Error(`no socket: ${response.status}`);

  const calls: Call[] = [];
  const watched: string[] = [];
  const files = new Map<string, Uint8Array>();
  const sequence = new Map<string, number>();
  const acks: (() => void)[] = [];
  const lastFrame = new Map<string, AgentMessage>();
  const announcing: ((outcome: Announced["outcome"]) => void)[] = [];
  const accepts: string[] = [];
  let epoch = 0;
  let welcomed: () => void = () => undefined;
  const welcome = new Promise<void>((resolve) => (welcomed = resolve));
  const send = (message: AgentMessage): void => socket.send(JSON.stringify(message));

  const agent: ScriptedAgent = {
    agentId: keys.agentId,
    calls,
    files,
    watched,
    argsOf: <Name extends OperationName>(operation: Name) =>
      calls
        .filter((call) => call.operation === operation)
        .map((call) => operations[operation].args.parse(call.args) as OperationArgs<Name>),
    async events(jobId, items, head, attempt = 1) {
      const stream = `${jobId}/${attempt}`;
      const from = (sequence.get(stream) ?? 0) + 1;
      sequence.set(stream, from + items.length - 1);
      const frame = { epoch, jobId, attempt, from, items, head: headOf(head) };
      lastFrame.set(jobId, { type: "events", ...frame });
      await agent.repeat(jobId);
    },
    async repeat(jobId) {
      const acked = new Promise<void>((resolve) => acks.push(resolve));
      const frame = lastFrame.get(jobId);
      if (frame === undefined) throw new Error("nothing was sent yet");
      send(frame);
      await acked;
    },
    accepts,
    announce(job) {
      const answer = new Promise<Announced["outcome"]>((resolve) => announcing.push(resolve));
      send({ type: "announce", epoch, job });
      return answer;
    },
    live: (jobId, head) => send({ type: "live", epoch, jobId, attempt: 1, head: headOf(head) }),
    async close() {
      socket.close(1000, "bye");
      // The Hub hears of it in a later turn.
      await new Promise((resolve) => setTimeout(resolve, 50));
    },
  };

  const answer = async (call: Call): Promise<void> => {
    calls.push(call);
    const operation = call.operation as OperationName;
    const handler = (script[operation] ?? healthy[operation]) as
      | ((args: unknown, agent: ScriptedAgent) => unknown)
      | undefined;
    try {
      if (handler === undefined) throw new AppError("NOT_FOUND", `The script has no ${operation}.`);
      const value = await handler(operations[operation].args.parse(call.args), agent);
      if (value === silence) return;
      send({ type: "result", callId: call.callId, outcome: { ok: true, value } });
    } catch (error) {
      send({
        type: "result",
        callId: call.callId,
        outcome: { ok: false, error: errorToWire(error) },
      });
    }
  };

  socket.addEventListener("message", (event) => {
    if (event.data === "pong") return;
    void receive(decodeEdgeMessage(String(event.data)));
  });
  socket.accept();

  async function receive(message: EdgeMessage): Promise<void> {
    switch (message.type) {
      case "challenge":
        return hello(message.nonce, message.origin);
      case "welcome":
        epoch = message.epoch;
        accepts.push(...(message.accepts ?? []));
        return welcomed();
      case "announced":
        return announcing.shift()?.(message.outcome);
      case "call":
        return answer(message);
      case "ack":
        return acks.shift()?.();
      case "watch":
        watched.push(message.jobId);
        return;
      case "nack":
      case "reject":
        throw new Error(`the edge refused: ${JSON.stringify(message)}`);
    }
  }

  async function hello(nonce: string, origin: string): Promise<void> {
    const instanceId = crypto.randomUUID();
    const text = helloText({ origin, agentId: keys?.agentId ?? "", instanceId, nonce });
    const signature = await crypto.subtle.sign(
      { name: "Ed25519" },
      keys?.privateKey as CryptoKey,
      new TextEncoder().encode(text),
    );
    send({
      type: "hello",
      protocols: [1],
      agentId: keys?.agentId ?? "",
      signature: btoa(String.fromCharCode(...new Uint8Array(signature))),
      instanceId,
      machineId: "machine",
      bootId: "boot",
      capabilities: { ...fullCapabilities, ...options.capabilities },
      jobs: [],
    });
  }

  await welcome;
  return agent;
}

/** Returned by a script that never answers. */
export const silence = Symbol("silence") as unknown as never;

/** Where the script keeps what a link reads. */
function keyOf(source: OperationArgs<"send-file">["source"]): string {
  if (source.kind === "output") return source.segments.join("/");
  return source.kind === "log" ? `log/${source.stream}` : `sheet/${source.name}`;
}

/** Upload and download as a box does them: it fetches and posts parts by itself, with its ticket. */
export function fileScript(yard: Yard): Script {
  const parts = (transferId: string, part: number) => `/files/agent/${transferId}/parts/${part}`;
  const staged = new Map<string, Uint8Array>();
  return {
    "receive-part": async (args, agent) => {
      const response = await yard.fetch(parts(args.transferId, args.part), {
        headers: { authorization: `Ticket ${args.ticket}` },
      });
      if (!response.ok) throw new AppError("TRANSFER_BROKEN", `part: ${response.status}`);
      const bytes = new Uint8Array(
        await response.arrayBuffer().catch(() => {
          throw new AppError("TRANSFER_BROKEN", "The part was cut on its way.");
        }),
      );
      const sha256 = await sha256Hex(bytes);
      if (args.sha256 !== null && args.sha256 !== sha256) {
        throw new AppError("CHECKSUM_MISMATCH", "The part is not what was declared.");
      }
      const before = staged.get(args.transferId) ?? new Uint8Array();
      const all = new Uint8Array(args.offset + bytes.byteLength);
      all.set(before);
      all.set(bytes, args.offset);
      staged.set(args.transferId, all);
      if (args.last === null) return { sha256, storedBytes: all.byteLength, complete: null };
      const whole = await sha256Hex(all);
      if (args.last.sha256 !== null && args.last.sha256 !== whole) {
        throw new AppError("CHECKSUM_MISMATCH", "The file is not what was declared.");
      }
      if (args.target.filename.endsWith(".zip")) {
        return {
          sha256,
          storedBytes: all.byteLength,
          complete: takeArchive(args.target, all, agent),
        };
      }
      agent.files.set(`${args.target.dataset}/${args.target.filename}`, all);
      const path = `datasets/${args.target.dataset}/${args.target.filename}`;
      return {
        sha256,
        storedBytes: all.byteLength,
        complete: { path, bytes: all.byteLength, sha256: whole },
      };
    },
    "upload-state": (args) => ({ storedBytes: staged.get(args.transferId)?.byteLength ?? 0 }),
    "dataset-files": ({ dataset }, { files }) => {
      const inside = [...files].filter(([key]) => key.startsWith(`${dataset}/`));
      return {
        images: inside.filter(([key]) => key.endsWith(".png")).length,
        captions: inside.filter(([key]) => key.endsWith(".txt")).length,
        files: inside.map(([key, bytes]) => ({
          name: key.slice(dataset.length + 1),
          bytes: bytes.byteLength,
        })),
        truncated: false,
      };
    },
    "describe-file": async (args, agent) => {
      const key = keyOf(args.source);
      const bytes = agent.files.get(key);
      if (bytes === undefined) throw new AppError("MODEL_NOT_FOUND", "There is no such file.");
      return {
        filename: key.split("/").at(-1) ?? key,
        path: `outputs/${key}`,
        bytes: bytes.byteLength,
        sha256: args.hash ? await sha256Hex(bytes) : null,
        mediaType: "application/octet-stream",
        // Another content has another time, as on a disk.
        modifiedAtMs: Number.parseInt((await sha256Hex(bytes)).slice(0, 8), 16),
        metadata: { name: "cats" },
      };
    },
    "send-file": async (args, agent) => {
      const key = keyOf(args.source);
      const bytes = agent.files.get(key) ?? new Uint8Array();
      let sent = 0;
      for (let at = args.start, part = 0; at < args.end; at += args.partBytes, part += 1) {
        const slice = bytes.slice(at, Math.min(args.end, at + args.partBytes));
        const response = await yard.fetch(parts(args.transferId, part), {
          method: "POST",
          headers: { authorization: `Ticket ${args.ticket}`, "x-part-offset": String(at) },
          body: slice,
        });
        if (!response.ok) throw new AppError("TRANSFER_BROKEN", `part: ${response.status}`);
        sent += slice.byteLength;
      }
      return { sentBytes: sent };
    },
  };
}

/** As a box does: every file, or with `strict` none when one is refused. Here what begins with "bad" is. */
function takeArchive(
  { dataset, strict }: OperationArgs<"receive-part">["target"],
  bytes: Uint8Array,
  agent: ScriptedAgent,
): NonNullable<OperationValue<"receive-part">["complete"]> {
  const files = Object.entries(unzipSync(bytes));
  const isBad = (content: Uint8Array) => new TextDecoder().decode(content).startsWith("bad");
  const problems = files
    .filter(([, content]) => isBad(content))
    .map(([filename]) => ({ filename, code: "IMAGE_CORRUPT", message: "It cannot be decoded." }));
  if (strict === true && problems.length > 0) {
    throw new AppError("ARCHIVE_REFUSED", "Nothing was taken.", { details: { problems } });
  }
  for (const [name, content] of files) {
    if (!isBad(content)) agent.files.set(`${dataset}/${name}`, content);
  }
  return {
    path: `datasets/${dataset}`,
    bytes: bytes.byteLength,
    sha256: "0".repeat(64),
    archive: {
      files: files.length - problems.length,
      images: 0,
      captions: 0,
      skipped: problems,
      skippedTotal: problems.length,
      changed: [],
    },
  };
}
