import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import type { AgentMessage, EdgeMessage } from "@trainyard/shared/protocol/messages.ts";
import type { Head, Item } from "@trainyard/shared/protocol/items.ts";
import { receiveFrame } from "@trainyard/shared/protocol/stream-receiver.ts";
import { connect } from "../../gpu-agent/connection.ts";
import type { SocketEvents } from "../../gpu-agent/connection.ts";
import { createIdentity, openHome } from "../../gpu-agent/home.ts";
import { openSpool } from "../../gpu-agent/spool.ts";
import { temporaryFolder } from "./support/temporary-home.ts";
import { virtualTime } from "./support/virtual-time.ts";

const key = { jobId: "job_00000000000000000000000000", attempt: 1 };
const head: Head = {
  state: "running",
  phase: "training",
  currentStep: 1,
  totalSteps: 9,
  stepsPerSecond: null,
  remainingSeconds: null,
  loss: 0.5,
  lr: null,
  observedAtMs: 0,
  logTail: [],
};
const alert = (n: number): Item => ({
  kind: "alert",
  atMs: n,
  step: n,
  code: "X",
  severity: "info",
  category: "c",
  message: "m",
  evidence: {},
  guardrail: false,
});
const point = (step: number): Item => ({
  kind: "metrics",
  steps: [step],
  atMs: [1],
  values: { loss: [step] },
});

/** The agent's side of the link on a virtual clock; the test is the edge and the network. */
function setUp(url = "https://edge.example") {
  const home = openHome(temporaryFolder());
  const identity = createIdentity(home);
  const time = virtualTime();
  const spool = openSpool({ path: join(home.root, "spool.db"), clock: time, log: () => undefined });
  spool.createAttempt({ ...key, state: "running", spec: {}, createdAtMs: 1 }, []);
  const shown = { ...head };
  const dials: { url: string; events: SocketEvents; sent: string[]; ended: string[] }[] = [];
  const watches: [string, number][] = [];
  const connection = connect({
    url,
    identity,
    instanceId: "instance_1",
    bootId: "boot_1",
    capabilities: async () => ({
      name: "box",
      software: "s",
      platform: "p",
      trainers: [],
      slots: ["cpu"],
      operations: [],
      tools: [],
      gpus: [],
    }),
    heads: () =>
      spool.openStreams().map(({ lastSeq, jobId, attempt }) => ({ jobId, attempt, lastSeq, head })),
    head: () => shown,
    onCall: (call, answer) => answer({ ok: true, value: call.operation }),
    onWatch: (jobId, forMs) => watches.push([jobId, forMs]),
    spool,
    time,
    random: () => 0.5,
    log: () => undefined,
    openSocket: (target, events) => {
      const dial = { url: target.url, events, sent: [] as string[], ended: [] as string[] };
      dials.push(dial);
      return {
        send: (text) => void dial.sent.push(text),
        buffered: () => 0,
        close: (code) => void dial.ended.push(`close ${code}`),
        terminate: () => {
          dial.ended.push("terminate");
          events.onClosed(1006, "");
        },
      };
    },
  });
  onTestFinished(() => {
    connection.close();
    spool.close();
  });
  const newest = () => dials.at(-1) as (typeof dials)[number];
  const tell = (message: EdgeMessage): void => newest().events.onText(JSON.stringify(message));
  const messages = (): AgentMessage[] =>
    newest()
      .sent.filter((text) => text !== "ping")
      .map((text) => JSON.parse(text) as AgentMessage);
  return {
    time,
    spool,
    dials,
    watches,
    connection,
    shown,
    newest,
    tell,
    messages,
    events: () => messages().filter((message) => message.type === "events"),
    commit: (items: Item[], urgent = false) => {
      spool.commit(key, { items });
      connection.committed(key, urgent);
    },
    async meet(epoch = 1, acked = 0) {
      tell({
        type: "challenge",
        nonce: "n".repeat(32),
        origin: "https://edge.example",
        protocols: [1],
      });
      await time.advance(0);
      tell({ type: "welcome", protocol: 1, epoch, resume: [{ ...key, acked }], windowFrames: 4 });
      await time.advance(0);
    },
  };
}

test("dials the agent's door and signs only for the origin it dialled", async () => {
  const link = setUp();
  expect(link.newest().url).toBe("wss://edge.example/agent");
  link.tell({
    type: "challenge",
    nonce: "n".repeat(32),
    origin: "https://evil.example",
    protocols: [1],
  });
  await link.time.advance(0);
  expect(link.newest().sent).toEqual([]);
  expect(link.newest().ended).toEqual(["close 1008"]);
});

test("hello carries the streams and their heads", async () => {
  const link = setUp();
  link.commit([alert(1)]);
  await link.meet();
  expect(link.messages()[0]).toMatchObject({
    type: "hello",
    jobs: [{ ...key, lastSeq: 1, head: { state: "running" } }],
  });
});

test("an alert goes at once, metrics wait for the quiet rhythm, or the quick one when watched", async () => {
  const link = setUp();
  await link.meet();
  link.commit([alert(1)], true);
  expect(link.events()).toHaveLength(1);
  link.tell({ type: "ack", epoch: 1, ...key, upTo: 1 });
  link.commit([point(1)]);
  link.commit([point(2)]);
  await link.time.advance(limits.durableFlushIdleMs - 1);
  expect(link.events()).toHaveLength(1);
  await link.time.advance(1);
  expect(link.events().at(-1)).toMatchObject({ from: 2, items: [{ steps: [1, 2] }] });
  link.tell({ type: "watch", epoch: 1, jobId: key.jobId, forMs: 60_000 });
  expect(link.watches).toEqual([[key.jobId, 60_000]]);
  link.commit([point(3)]);
  await link.time.advance(limits.durableFlushWatchedMs);
  expect(link.events()).toHaveLength(3);
});

test("live frames go only while watched and only when something changed", async () => {
  const link = setUp();
  await link.meet();
  await link.time.advance(1_000);
  const lives = () => link.messages().filter((message) => message.type === "live").length;
  expect(lives()).toBe(0);
  link.commit([alert(1)], true);
  link.tell({ type: "watch", epoch: 1, jobId: key.jobId, forMs: 2_000 });
  await link.time.advance(1_000);
  expect(lives()).toBe(1);
  link.shown.currentStep = 2;
  await link.time.advance(limits.liveIntervalMs);
  expect(lives()).toBe(2);
  await link.time.advance(2_000);
  link.shown.currentStep = 3;
  await link.time.advance(2_000);
  expect(lives()).toBe(2);
});

test("at most four frames wait for their acknowledgement", async () => {
  const link = setUp();
  await link.meet();
  for (let n = 1; n <= 9; n += 1) link.commit([alert(n)], true);
  expect(link.events().map((frame) => frame.from)).toEqual([1, 2, 3, 4]);
  link.tell({ type: "ack", epoch: 1, ...key, upTo: 2 });
  expect(link.events().at(-1)).toMatchObject({
    from: 5,
    items: Array.from({ length: 5 }, () => ({ kind: "alert" })),
  });
});

test("messages of another epoch change nothing", async () => {
  const link = setUp();
  await link.meet(3);
  link.commit([alert(1)], true);
  link.tell({ type: "ack", epoch: 2, ...key, upTo: 1 });
  link.tell({
    type: "call",
    epoch: 2,
    callId: "c",
    operation: "x",
    argsHash: "a".repeat(64),
    args: {},
  });
  expect(link.spool.stream(key)?.acked).toBe(0);
  expect(link.messages().some((message) => message.type === "result")).toBe(false);
  link.tell({
    type: "call",
    epoch: 3,
    callId: "c",
    operation: "x",
    argsHash: "a".repeat(64),
    args: {},
  });
  expect(link.messages().at(-1)).toEqual({
    type: "result",
    callId: "c",
    outcome: { ok: true, value: "x" },
  });
});

test("a silent socket is ended by the agent itself, and dialled again", async () => {
  const link = setUp();
  await link.meet();
  await link.time.advance(limits.pingIntervalMs);
  expect(link.newest().sent.at(-1)).toBe("ping");
  link.newest().events.onText("pong");
  await link.time.advance(limits.pongTimeoutMs + limits.pingIntervalMs);
  expect(link.dials[0]?.ended).toEqual(["terminate"]);
  await link.time.advance(limits.reconnectAfterDeployMs);
  expect(link.dials.length).toBeGreaterThan(1);
});

test("no welcome in time: ended and tried again, ever more slowly", async () => {
  const link = setUp();
  await link.time.advance(600_000);
  expect(link.dials.length).toBeGreaterThan(8);
  expect(link.dials.length).toBeLessThan(30);
});

test("a refusal is kept away for as long as it says", async () => {
  const link = setUp();
  link.tell({
    type: "reject",
    error: { code: "IDENTITY_IN_USE", message: "m" },
    retryAfterMs: 42_000,
  });
  expect(link.newest().ended).toEqual(["close 1000"]);
  link.newest().events.onClosed(1000, "");
  await link.time.advance(41_999);
  expect(link.dials).toHaveLength(1);
  await link.time.advance(1);
  expect(link.dials).toHaveLength(2);
});

test("frames that nobody answers are sent again on a living socket", async () => {
  const link = setUp();
  await link.meet();
  link.commit([alert(1)], true);
  const pongs = async (ms: number) => {
    for (let t = 0; t < ms; t += 1_000) {
      link.newest().events.onText("pong");
      await link.time.advance(1_000);
    }
  };
  await pongs(limits.ackTimeoutMs + 1_000);
  expect(link.events().map((frame) => frame.from)).toEqual([1, 1]);
});

test("an edge that lost what it had acknowledged is served from there, with gaps for what is gone", async () => {
  const link = setUp();
  await link.meet();
  for (let n = 1; n <= 3; n += 1) link.commit([alert(n)], true);
  link.tell({ type: "ack", epoch: 1, ...key, upTo: 3 });
  link.commit([alert(4)], true);
  link.tell({ type: "nack", epoch: 1, ...key, expected: 2 });
  const frame = link.events().at(-1);
  expect(frame).toMatchObject({
    from: 2,
    items: [{ kind: "gap" }, { kind: "gap" }, { kind: "alert", atMs: 4 }],
  });
});

test("a message that is not understood does not end the session", async () => {
  const link = setUp();
  await link.meet();
  link.newest().events.onText("{not json");
  link.newest().events.onText(JSON.stringify({ type: "from-the-future" }));
  expect(link.newest().ended).toEqual([]);
});

test("under any loss, repetition and reconnection every item arrives once, in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("commit", "points", "deliver", "lose", "ack", "cut", "wait"), {
        minLength: 5,
        maxLength: 60,
      }),
      async (script) => {
        const link = setUp();
        const got: Item[] = [];
        let epoch = 1;
        let read = 0;
        let step = 0;
        await link.meet(epoch);
        const deliver = (ackIt: boolean): void => {
          const frame = link.events()[read];
          if (frame === undefined) return;
          read += 1;
          const { items, from } = frame;
          const reception = receiveFrame(got.length, from, items.length);
          if (reception.kind === "hole")
            return link.tell({ type: "nack", epoch, ...key, expected: reception.expected });
          if (reception.kind === "apply") got.push(...items.slice(reception.skip));
          if (ackIt) link.tell({ type: "ack", epoch, ...key, upTo: got.length });
        };
        const reconnect = async (): Promise<void> => {
          link.newest().events.onClosed(1006, "");
          const before = link.dials.length;
          while (link.dials.length === before) await link.time.advance(500);
          epoch += 1;
          read = 0;
          await link.meet(epoch, got.length);
        };
        for (const action of script) {
          if (action === "commit") link.commit([alert((step += 1))], true);
          else if (action === "points") link.commit([point((step += 1))]);
          else if (action === "deliver") deliver(true);
          else if (action === "ack") deliver(false);
          else if (action === "lose") read = Math.min(read + 1, link.events().length);
          else if (action === "cut") await reconnect();
          else await link.time.advance(3_000);
        }
        await reconnect();
        for (let i = 0; i < 20; i += 1) deliver(true);
        const steps = got.flatMap((item) =>
          item.kind === "metrics" ? item.steps : item.kind === "alert" ? [item.atMs] : [],
        );
        expect(steps).toEqual(Array.from({ length: step }, (_, i) => i + 1));
      },
    ),
    { numRuns: 40 },
  );
});
