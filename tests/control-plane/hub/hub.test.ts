import { defaultGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Env } from "../../../control-plane/env.ts";
import { unwrap } from "../../../control-plane/outcome.ts";
import { hubOf } from "../../../control-plane/stubs.ts";
import type { HubClient } from "../../../control-plane/stubs.ts";
import type { StartRequest } from "../../../control-plane/hub/queue.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { decodeEdgeMessage } from "@trainyard/shared/protocol/codec.ts";
import type { AgentMessage, EdgeMessage, Hello } from "@trainyard/shared/protocol/messages.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import { helloText } from "@trainyard/shared/protocol/version.ts";

const bindings = env as unknown as Env;
let serial = Date.now();

interface Keys {
  readonly agentId: string;
  readonly publicKey: string;
  readonly privateKey: CryptoKey;
}

async function newKeys(): Promise<Keys> {
  const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const raw = (await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer;
  return {
    agentId: `agent_${(serial += 1)}`,
    publicKey: btoa(String.fromCharCode(...new Uint8Array(raw))),
    privateKey: pair.privateKey,
  };
}

const head = (state: Head["state"], currentStep = 0): Head => ({
  state,
  phase: null,
  currentStep,
  totalSteps: 10,
  stepsPerSecond: null,
  remainingSeconds: null,
  loss: null,
  lr: null,
  observedAtMs: 1,
});

/** An agent's socket, message by message: `next` waits for what the Hub says. */
class Link {
  readonly #messages: EdgeMessage[] = [];
  readonly #waiting: ((message: EdgeMessage) => void)[] = [];
  readonly closed: Promise<number>;
  epoch = 0;

  readonly socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener("message", (event) => {
      if (event.data === "pong") return;
      const message = decodeEdgeMessage(String(event.data));
      const waiter = this.#waiting.shift();
      if (waiter) waiter(message);
      else this.#messages.push(message);
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", (event) => resolve(event.code));
    });
    socket.accept();
  }

  static async open(owner: string, keys: Keys): Promise<Link> {
    const response = await hubOf(bindings, owner).fetch(
      new Request("https://edge.example/agent", {
        headers: {
          upgrade: "websocket",
          "x-trainyard-agent": keys.agentId,
          "x-trainyard-public-key": keys.publicKey,
        },
      }),
    );
    if (response.webSocket === null) throw new Error("no socket");
    return new Link(response.webSocket);
  }

  next(): Promise<EdgeMessage> {
    const message = this.#messages.shift();
    return message
      ? Promise.resolve(message)
      : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async expect<Type extends EdgeMessage["type"]>(
    type: Type,
  ): Promise<Extract<EdgeMessage, { type: Type }>> {
    const message = await this.next();
    expect(message.type).toBe(type);
    return message as Extract<EdgeMessage, { type: Type }>;
  }

  get pending(): readonly EdgeMessage[] {
    return this.#messages;
  }

  send(message: AgentMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  async hello(keys: Keys, change: Partial<Hello> = {}): Promise<void> {
    const { nonce, origin } = await this.expect("challenge");
    const instanceId = change.instanceId ?? "instance";
    const text = helloText({ origin, agentId: keys.agentId, instanceId, nonce });
    const signed = await crypto.subtle.sign(
      { name: "Ed25519" },
      keys.privateKey,
      new TextEncoder().encode(text),
    );
    this.send({
      type: "hello",
      protocols: [1],
      agentId: keys.agentId,
      signature: btoa(String.fromCharCode(...new Uint8Array(signed))),
      instanceId,
      machineId: "machine",
      bootId: "boot",
      capabilities: {
        name: "box",
        software: "0",
        platform: "test",
        trainers: [],
        slots: ["cpu"],
        operations: Object.keys(operations),
        tools: [],
        gpus: [],
      },
      jobs: [],
      ...change,
    });
  }

  events(jobId: string, from: number, items: Item[], truth: Head): void {
    this.send({ type: "events", epoch: this.epoch, jobId, attempt: 1, from, items, head: truth });
  }
}

async function connect(owner: string, keys: Keys, change: Partial<Hello> = {}): Promise<Link> {
  const link = await Link.open(owner, keys);
  await link.hello(keys, change);
  link.epoch = (await link.expect("welcome")).epoch;
  return link;
}

function request(owner: string, keys: Keys, jobId: string, key = jobId): StartRequest {
  return {
    idempotencyKey: key,
    argsHash: "a".repeat(64),
    snapshot: {
      jobId,
      owner,
      agentId: keys.agentId,
      agentName: "box",
      jobName: "dog",
      configName: "dog",
      trainer: "tiny",
      trainerVersion: null,
      document: {},
      totalSteps: 10,
      datasets: [],
      guardrails: defaultGuardrailRules,
      slot: "cpu",
      createdAtMs: 1,
      createdBy: "owner",
    },
  };
}

async function start(hub: HubClient, owner: string, keys: Keys, jobId: string) {
  return unwrap(await hub.startJob(request(owner, keys, jobId)));
}

function eventsText(from: string): string {
  const frame = {
    type: "events",
    epoch: 1,
    jobId: "job_a",
    attempt: 1,
    items: [],
    head: head("failed"),
  };
  return JSON.stringify(frame).replace("{", `{"from":${from},`);
}

describe("the Hub's sessions", () => {
  it("[E1][E2] a newer session of the same machine takes over and fences the older one", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const first = await connect(owner, keys);
    const second = await connect(owner, keys, { instanceId: "instance2" });

    expect(second.epoch).toBe(first.epoch + 1);
    expect(await first.closed).toBe(4409);
  });

  it("[E3] another machine with the same key is turned away", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    await connect(owner, keys);
    const clone = await Link.open(owner, keys);
    await clone.hello(keys, { machineId: "another machine" });

    expect((await clone.expect("reject")).error.code).toBe("IDENTITY_IN_USE");
    expect(await clone.closed).toBe(4409);
  });

  it("[V3] [B55] a signature of another key proves nothing", async () => {
    const owner = `owner_${(serial += 1)}`;
    const [keys, thief] = [await newKeys(), await newKeys()];
    const link = await Link.open(owner, keys);
    await link.hello({ ...thief, agentId: keys.agentId });

    expect((await link.expect("reject")).error.code).toBe("AUTH_INVALID");
    expect(await link.closed).toBe(4401);
  });

  it("[B55] a hello that was overheard proves nothing on another socket", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const first = await Link.open(owner, keys);
    const said = vi.spyOn(first, "send");
    await first.hello(keys);
    await first.expect("welcome");
    const second = await Link.open(owner, keys);
    await second.expect("challenge");
    second.send(said.mock.calls[0]?.[0] as AgentMessage);

    expect((await second.expect("reject")).error.code).toBe("AUTH_INVALID");
    expect(await second.closed).toBe(4401);
    expect(first.socket.readyState).toBe(WebSocket.OPEN);
  });

  it.each<[string, string | ArrayBuffer]>([
    ["of bytes", Uint8Array.of(0x7b, 0x7d).buffer],
    ["that is not JSON", "{"],
    ["that is nested without end", `{"type":"events","items":${"[".repeat(100_000)}`],
    [
      "whose answer is nested 100,000 levels deep",
      `{"type":"result","callId":"c","outcome":{"ok":true,"value":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`,
    ],
    ["of more than 1 MiB", " ".repeat(limits.frameHardBytes + 1)],
    ["of sequence number 0", eventsText("0")],
    ["of a negative sequence number", eventsText("-1")],
    ["of a sequence number beyond 2^53", eventsText("9007199254740993")],
  ])("[B57] [B58] a frame %s ends the link and changes nothing", async (_what, frame) => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    const link = await connect(owner, keys);
    await start(hub, owner, keys, "job_a");
    await link.expect("call");
    const { rowsWritten } = await hub.usage();
    link.socket.send(frame);

    expect(await link.expect("reject")).toMatchObject({
      error: { code: "PROTOCOL_ERROR" },
      retryAfterMs: limits.reconnectCapMs,
    });
    expect(await link.closed).toBe(4400);
    // A later session finds the job as it was.
    expect(unwrap(await hub.viewJob("job_a", false)).summary.state).toBe("queued");
    // The end of the link itself is one row: when the box was last seen.
    expect((await hub.usage()).rowsWritten - rowsWritten).toBeLessThanOrEqual(1);
  });

  it("a frame before hello closes the socket", async () => {
    const link = await Link.open(`owner_${(serial += 1)}`, await newKeys());
    await link.expect("challenge");
    link.send({ type: "live", epoch: 1, jobId: "job_x", attempt: 1, head: head("running") });

    expect(await link.closed).toBe(4409);
  });

  it("a socket that never says hello is closed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const owner = `owner_${(serial += 1)}`;
    const link = await Link.open(owner, await newKeys());
    await link.expect("challenge");
    // In the object's own context, as it closes its own socket.
    const pass = (ms: number) =>
      runInDurableObject(bindings.HUB.getByName(owner), () => vi.advanceTimersByTime(ms));

    await pass(limits.helloTimeoutMs);
    expect(link.socket.readyState).toBe(WebSocket.OPEN);
    await pass(1_000);
    expect(await link.closed).toBe(4408);
  });

  it("[V2] an agent of an unknown version is told to update", async () => {
    const keys = await newKeys();
    const link = await Link.open(`owner_${(serial += 1)}`, keys);
    await link.hello(keys, { protocols: [99] });

    expect((await link.expect("reject")).error.code).toBe("UPGRADE_REQUIRED");
  });
});

describe("the Hub's jobs", () => {
  it("gives a job to the box, takes its items, acknowledges after the commit", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    const link = await connect(owner, keys);
    await start(hub, owner, keys, "job_a");
    const call = await link.expect("call");
    expect(call).toMatchObject({
      operation: "start-attempt",
      args: { jobId: "job_a", attempt: 1 },
    });
    link.send({
      type: "result",
      callId: call.callId,
      outcome: { ok: true, value: { accepted: true } },
    });

    link.events("job_a", 1, [{ kind: "state", atMs: 1, state: "running" }], head("running", 3));
    expect(await link.expect("ack")).toMatchObject({ jobId: "job_a", upTo: 1 });
    link.events("job_a", 5, [{ kind: "state", atMs: 1, state: "failed" }], head("failed"));
    expect(await link.expect("nack")).toMatchObject({ expected: 2 });
    expect(unwrap(await hub.viewJob("job_a", false))).toMatchObject({
      connectivity: "live",
      summary: { state: "running", currentStep: 3 },
    });
  });

  it("[W31] one job a slot: the next one starts when the slot is free", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    const link = await connect(owner, keys);
    await start(hub, owner, keys, "job_a");
    const second = await start(hub, owner, keys, "job_b");
    const third = await start(hub, owner, keys, "job_c");
    expect([second.queuePosition, third.queuePosition]).toEqual([1, 2]);

    await link.expect("call");
    expect(link.pending).toEqual([]);
    link.events("job_a", 1, [{ kind: "state", atMs: 1, state: "completed" }], head("completed"));
    await link.expect("ack");
    expect(await link.expect("call")).toMatchObject({ args: { jobId: "job_b" } });
    expect(unwrap(await hub.viewJob("job_c", false)).queuePosition).toBe(1);
  });

  it("[B62] the same key starts once, other arguments under it are refused", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    unwrap(await hub.startJob(request(owner, keys, "job_a", "key")));
    const again = unwrap(await hub.startJob(request(owner, keys, "job_b", "key")));
    const other = await hub.startJob({
      ...request(owner, keys, "job_c", "key"),
      argsHash: "b".repeat(64),
    });

    expect(again).toMatchObject({ duplicate: true, summary: { jobId: "job_a" } });
    expect(other).toMatchObject({ ok: false, error: { code: "IDEMPOTENCY_CONFLICT" } });
    const jobs = await hub.listJobs({ states: null, agentId: null, limit: 10, before: null });
    expect(unwrap(jobs).total).toBe(1);
  });

  it("two deliveries of one start at once make one job", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    const [first, second] = await Promise.all([
      hub.startJob(request(owner, keys, "job_a", "key")),
      hub.startJob(request(owner, keys, "job_b", "key")),
    ]);

    expect([unwrap(first).summary.jobId, unwrap(second).summary.jobId]).toEqual(["job_a", "job_a"]);
    expect(
      unwrap(await hub.listJobs({ states: null, agentId: null, limit: 10, before: null })).total,
    ).toBe(1);
  });

  it("an offline box keeps its queue, and gets the call with its next hello, as often as it takes", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    await start(hub, owner, keys, "job_a");
    const first = await connect(owner, keys);
    const sent = await first.expect("call");
    first.socket.close(1000, "gone");
    const second = await connect(owner, keys, { instanceId: "again" });

    expect(await second.expect("call")).toMatchObject({
      callId: sent.callId,
      argsHash: sent.argsHash,
    });
  });

  it("a queued job that is stopped never reaches the box", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    await start(hub, owner, keys, "job_a");
    const stopped = unwrap(
      await hub.stopJob({ jobId: "job_a", mode: "now", by: "user", reason: "changed my mind" }),
    );
    const link = await connect(owner, keys);

    expect(stopped.summary).toMatchObject({ state: "stopped", stop: { by: "user" } });
    expect(link.pending).toEqual([]);
  });

  it("a start that the box refuses is failed with the box's reason, and frees the slot", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    const link = await connect(owner, keys);
    await start(hub, owner, keys, "job_a");
    await start(hub, owner, keys, "job_b");
    const call = await link.expect("call");
    link.send({
      type: "result",
      callId: call.callId,
      outcome: { ok: false, error: { code: "STORAGE_FULL", message: "The disk is full." } },
    });

    expect(await link.expect("call")).toMatchObject({ args: { jobId: "job_b" } });
    expect(unwrap(await hub.viewJob("job_a", false)).summary).toMatchObject({
      state: "failed",
      failure: { code: "START_REFUSED", message: "The disk is full." },
      evidence: { refused_with: "STORAGE_FULL" },
    });
  });

  it("[B56] an agent cannot speak for a job that was not given to it", async () => {
    const owner = `owner_${(serial += 1)}`;
    const [keys, other] = [await newKeys(), await newKeys()];
    await start(hubOf(bindings, owner), owner, keys, "job_a");
    const link = await connect(owner, other);
    link.events("job_a", 1, [{ kind: "state", atMs: 1, state: "completed" }], head("completed"));

    expect((await link.expect("reject")).error.code).toBe("JOB_NOT_FOUND");
    expect(await link.closed).toBe(4400);
    expect(unwrap(await hubOf(bindings, owner).viewJob("job_a", false)).summary.state).toBe(
      "queued",
    );
  });

  it("sleeps with its sockets open and knows everything after waking", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    const link = await connect(owner, keys);
    await start(hub, owner, keys, "job_a");
    await link.expect("call");
    await evictDurableObject(bindings.HUB.getByName(owner), { webSockets: "hibernate" });

    link.events("job_a", 1, [{ kind: "state", atMs: 1, state: "running" }], head("running", 1));
    expect(await link.expect("ack")).toMatchObject({ upTo: 1 });
    expect(unwrap(await hub.listAgents())[0]).toMatchObject({
      connectivity: "live",
      activeJobIds: ["job_a"],
    });
  });

  it("[L1] a watched job opens the live lane once, and the newest head shows", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    const link = await connect(owner, keys);
    await start(hub, owner, keys, "job_a");
    await link.expect("call");
    await hub.viewJob("job_a", true);
    await hub.viewJob("job_a", true);
    expect(await link.expect("watch")).toMatchObject({ jobId: "job_a" });
    expect(link.pending).toEqual([]);
    const before = (await hub.usage()).rowsWritten;

    link.send({
      type: "live",
      epoch: link.epoch,
      jobId: "job_a",
      attempt: 1,
      head: head("running", 7),
    });
    link.events("job_a", 9, [], head("running", 7)); // answered, so that the live frame before it has arrived
    await link.next();
    expect(unwrap(await hub.viewJob("job_a", false)).live?.head.currentStep).toBe(7);
    expect((await hub.usage()).rowsWritten).toBe(before);
  });

  it("calls that only read end with the connection", async () => {
    const owner = `owner_${(serial += 1)}`;
    const keys = await newKeys();
    const hub = hubOf(bindings, owner);
    const link = await connect(owner, keys);
    const answer = hub.call(keys.agentId, "upload-state", {
      transferId: "t",
      target: { dataset: "d", filename: "f.png" },
    });
    await link.expect("call");
    link.socket.close(1000, "gone");

    expect(await answer).toMatchObject({ ok: false, error: { code: "AGENT_OFFLINE" } });
    expect(await hub.call(keys.agentId, "upload-state", {})).toMatchObject({
      error: { code: "AGENT_OFFLINE" },
    });
  });
});
