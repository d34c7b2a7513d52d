import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { hashJson } from "@trainyard/shared/canonical-json.ts";
import { newCallId, newJobId } from "@trainyard/shared/ids.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { StateItem } from "@trainyard/shared/protocol/items.ts";
import { startScriptedEdge } from "./support/scripted-edge.ts";
import type { ScriptedEdge } from "./support/scripted-edge.ts";
import { startAgentProcess } from "./support/agent-process.ts";
import { temporaryFolder } from "./support/temporary-home.ts";
import {
  endTrainersAfterTest,
  lastState,
  makeDataset,
  series,
  states,
  tinyStart,
  trainersOf,
  truthOf,
} from "./support/tiny-job.ts";
import { until } from "./support/waiting.ts";

/** Long enough to do something to it, short enough to wait for. */
const slow = { TRAINYARD_TINY_STEP_DELAY_MS: "15" };
const stopped = { by: "user", reason: "test", mode: "now" as const };

async function setUp(env: Record<string, string> = {}) {
  const home = temporaryFolder();
  await makeDataset(home, "colours");
  const edge = await startScriptedEdge();
  onTestFinished(() => edge.close());
  const agent = startAgentProcess({ url: edge.url, home, env });
  await until(() => edge.connected(), "the agent to connect");
  return { home, edge, agent, env };
}

async function start(edge: ScriptedEdge, args: ReturnType<typeof tinyStart>): Promise<string> {
  endTrainersAfterTest(args.jobId, args.attempt);
  expect(await edge.call("start-attempt", args)).toEqual({ ok: true, value: { accepted: true } });
  edge.watch(args.jobId, 60_000);
  return args.jobId;
}

const ended = (edge: ScriptedEdge, jobId: string, attempt = 1): Promise<StateItem> =>
  until(() => {
    const state = lastState(edge.items(jobId, attempt));
    return state !== null && isTerminal(state.state) ? state : null;
  }, `the end of ${jobId}`);

const running = (home: string, jobId: string, steps = 5): Promise<true> =>
  until(() => truthOf(home, jobId).length >= steps, `${steps} steps`);

const isAskedToStop = (home: string, jobId: string): boolean => {
  const table = new DatabaseSync(join(home, "jobs", jobId, "1", "job.db"), { readOnly: true });
  const row = table.prepare("SELECT stop FROM Job").get();
  table.close();
  return row?.["stop"] === 1;
};

/** Stopped in the middle of a write it would hold the table, and nobody could ask it anything. */
async function freezeBetweenWrites(pid: number, home: string, jobId: string): Promise<void> {
  const table = new DatabaseSync(join(home, "jobs", jobId, "1", "job.db"), { timeout: 0 });
  await until(() => {
    process.kill(pid, "SIGSTOP");
    try {
      table.exec("BEGIN IMMEDIATE; ROLLBACK");
      return true;
    } catch {
      process.kill(pid, "SIGCONT");
      return false;
    }
  }, "a moment between two writes");
  table.close();
}

test("a tiny training runs through the link to a verified model, every step as it was", async () => {
  const { home, edge } = await setUp();
  const jobId = await start(edge, tinyStart({ steps: 60, saveEvery: 20 }));
  const end = await ended(edge, jobId);

  expect(end.state).toBe("completed");
  expect(end.evidence).toMatchObject({
    exit_code: 0,
    completed_steps: 60,
    final_artifact_valid: true,
  });
  const items = edge.items(jobId);
  expect(states(items).map((item) => item.state)).toEqual(["starting", "running", "completed"]);
  expect(items.at(-1)?.kind).toBe("state");
  expect(items.find((item) => item.kind === "artifact")).toMatchObject({
    name: "tinyjob.safetensors",
    path: "outputs/tinyjob/tinyjob.safetensors",
  });
  expect(
    items.filter((item) => item.kind === "checkpoint").map((item) => [item.step, item.final]),
  ).toEqual([
    [20, false],
    [40, false],
    [null, true],
  ]);
  expect(items.filter((item) => item.kind === "sample").length).toBeGreaterThan(0);
  expect(series(items, "loss")).toEqual(truthOf(home, jobId));
  expect(edge.lives.length).toBeGreaterThan(0);
  expect(trainersOf(jobId)).toEqual([]);
});

test("without the trainer's own database the bar is the source, as exact as it prints", async () => {
  const { home, edge } = await setUp();
  const jobId = await start(edge, tinyStart({ steps: 40, lossLog: false }));
  expect((await ended(edge, jobId)).state).toBe("completed");
  const truth = truthOf(home, jobId);
  const read = series(edge.items(jobId), "loss");
  expect(read.length).toBeGreaterThan(30);
  for (const { step, value } of read)
    expect(value).toBeCloseTo(truth[step]?.value ?? Number.NaN, 2);
});

test("an agent that is killed three times loses and repeats nothing, and never starts a second trainer", async () => {
  const { home, edge, agent, env } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 150, saveEvery: 50 }));
  let alive = agent;
  let pids: number[] = [];
  for (let kill = 0; kill < 3; kill += 1) {
    await running(home, jobId, 10 + 25 * kill);
    const before = trainersOf(jobId);
    expect(before).toHaveLength(1);
    if (kill > 0) expect(before).toEqual(pids);
    pids = before;
    await alive.kill("SIGKILL");
    alive = startAgentProcess({ url: edge.url, home, env });
    await until(() => edge.hellos.length === kill + 2 && edge.connected(), "the new agent");
    edge.watch(jobId, 60_000);
  }
  expect((await ended(edge, jobId)).state).toBe("completed");
  expect(series(edge.items(jobId), "loss")).toEqual(truthOf(home, jobId));
  expect(states(edge.items(jobId)).filter((item) => item.state === "running")).toHaveLength(1);
});

test("a training that ends while no agent lives is told by its exit record", async () => {
  const { edge, agent, home, env } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 60 }));
  await running(home, jobId);
  await agent.kill("SIGKILL");
  await until(() => trainersOf(jobId).length === 0, "the trainer to end by itself");
  startAgentProcess({ url: edge.url, home, env });
  expect((await ended(edge, jobId)).state).toBe("completed");
  expect(series(edge.items(jobId), "loss")).toEqual(truthOf(home, jobId));
});

test("an agent asked to end leaves the training alone", async () => {
  const { edge, agent, home } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 200 }));
  await running(home, jobId);
  await agent.kill("SIGTERM");
  expect(agent.process.exitCode).toBe(0);
  const steps = truthOf(home, jobId).length;
  await until(() => truthOf(home, jobId).length > steps + 3, "the training to go on");
});

test("cut sockets, lost frames and lost acks: every step once, in order", async () => {
  const { home, edge } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 150, saveEvery: 20 }));
  let n = 0;
  edge.fault.dropFrames = () => (n += 1) % 3 === 0;
  const cuts = setInterval(() => {
    edge.fault.dropAcks = !edge.fault.dropAcks;
    edge.cut();
  }, 400);
  onTestFinished(() => clearInterval(cuts));
  await until(() => truthOf(home, jobId).length >= 140, "the training");
  clearInterval(cuts);
  edge.fault.dropFrames = () => false;
  edge.fault.dropAcks = false;
  edge.cut();
  expect((await ended(edge, jobId)).state).toBe("completed");
  expect(series(edge.items(jobId), "loss")).toEqual(truthOf(home, jobId));
});

test("an interrupt from outside exits 0 and is a stop, not a completion", async () => {
  const { edge, home } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 500 }));
  await running(home, jobId);
  for (const pid of trainersOf(jobId)) process.kill(pid, "SIGINT");
  const end = await ended(edge, jobId);
  expect(end.state).toBe("stopped");
  expect(end.evidence).toMatchObject({ exit_code: 0, stop_marker: true, stop_wanted: null });
  const items = edge.items(jobId);
  expect(series(items, "loss")).toEqual(truthOf(home, jobId));
  expect(items.some((item) => item.kind === "gap")).toBe(false);
});

test("a killed trainer has failed, with the signal as evidence", async () => {
  const { edge, home } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 500 }));
  await running(home, jobId);
  for (const pid of trainersOf(jobId)) process.kill(pid, "SIGKILL");
  const end = await ended(edge, jobId);
  expect(end.state).toBe("failed");
  expect(end.failure?.code).toBe("KILLED");
  expect(end.evidence).toMatchObject({ signal: "SIGKILL" });
  // What was only in its memory is said to be missing: series and gap together are all that it did.
  const items = edge.items(jobId);
  const read = series(items, "loss");
  const completed = Number(end.evidence?.["completed_steps"]);
  const gaps = items.filter((item) => item.kind === "gap");
  expect(read).toEqual(truthOf(home, jobId).slice(0, read.length));
  expect(gaps).toMatchObject(
    read.length >= completed
      ? []
      : [{ what: "metrics", fromStep: read.length, toStep: completed - 1 }],
  );
  expect(Math.max(read.length, completed)).toBeGreaterThanOrEqual(truthOf(home, jobId).length - 1);
});

test("trainer and shim both killed: vanished, not running for ever", async () => {
  const { edge, home } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 500 }));
  await running(home, jobId);
  const handle = JSON.parse(
    readFileSync(join(home, "jobs", jobId, "1", "handle.json"), "utf8"),
  ) as { pid: number; shimPid: number };
  process.kill(handle.shimPid, "SIGKILL");
  process.kill(handle.pid, "SIGKILL");
  const end = await ended(edge, jobId);
  expect(end.failure?.code).toBe("VANISHED");
});

test("a shim killed alone: its training runs on, and what it proves counts", async () => {
  const { edge, home } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 80, saveEvery: 20 }));
  await running(home, jobId);
  const handle = JSON.parse(
    readFileSync(join(home, "jobs", jobId, "1", "handle.json"), "utf8"),
  ) as { pid: number; shimPid: number };
  process.kill(handle.shimPid, "SIGKILL");
  const steps = truthOf(home, jobId).length;
  await until(() => truthOf(home, jobId).length > steps + 10, "the training to go on");
  expect(lastState(edge.items(jobId))?.state).toBe("running");

  const end = await ended(edge, jobId);

  expect([end.state, end.failure ?? null]).toEqual(["completed", null]);
  expect(end.evidence).toMatchObject({
    end: "vanished",
    completed_steps: 80,
    final_artifact_valid: true,
  });
  expect(series(edge.items(jobId), "loss")).toEqual(truthOf(home, jobId));
});

test("a stop is asked for once, ends the process and keeps its checkpoints", async () => {
  const { edge, home } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 500, saveEvery: 10 }));
  await running(home, jobId, 15);
  const outcome = await edge.call("stop-attempt", { jobId, attempt: 1, ...stopped });
  expect(outcome).toEqual({ ok: true, value: { outcome: "stopping", state: "stopping" } });
  const end = await ended(edge, jobId);
  expect(end.state).toBe("stopped");
  expect(end.evidence).toMatchObject({ exit_code: 1, stop_wanted: "user", forced: false });
  expect(states(edge.items(jobId)).map((item) => item.state)).toEqual([
    "starting",
    "running",
    "stopping",
    "stopped",
  ]);
  expect(edge.items(jobId).some((item) => item.kind === "checkpoint" && item.valid)).toBe(true);
  const log = readFileSync(join(home, "jobs", jobId, "1", "stdout.log"), "utf8");
  expect(log.match(/Job stopped/g)).toHaveLength(1);
  expect(trainersOf(jobId)).toEqual([]);
  expect(await edge.call("stop-attempt", { jobId, attempt: 1, ...stopped })).toEqual({
    ok: true,
    value: { outcome: "already-ended", state: "stopped" },
  });
});

test("a stop with a checkpoint leaves one of the step at which it came", async () => {
  const { edge, home } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 2_000 }));
  await running(home, jobId, 15);
  const before = truthOf(home, jobId).length;
  await edge.call("stop-attempt", { jobId, attempt: 1, ...stopped, mode: "checkpoint" });
  const askedBy = truthOf(home, jobId).length;
  const end = await ended(edge, jobId);
  expect(end.state).toBe("stopped");
  expect(end.evidence).toMatchObject({ exit_code: 1, stop_wanted: "user", forced: false });
  const checkpoints = edge.items(jobId).filter((item) => item.kind === "checkpoint");
  expect(checkpoints).toMatchObject([{ valid: true, final: false }]);
  const step = checkpoints[0]?.step ?? Number.NaN;
  expect(step).toBeGreaterThanOrEqual(before - 1);
  // Asked in the runner's next turn: a few steps of 15 ms later on a busy machine.
  expect(step).toBeLessThanOrEqual(askedBy + 20);
  expect(series(edge.items(jobId), "loss")).toEqual(truthOf(home, jobId));

  await start(edge, tinyStart({ steps: step + 5, jobId, attempt: 2 }));
  expect((await ended(edge, jobId, 2)).state).toBe("completed");
  expect(truthOf(home, jobId, 2)[0]?.step).toBe(step);
});

test("a stop with a checkpoint while the last pictures are drawn", async () => {
  const { edge, home } = await setUp();
  const args = tinyStart({ steps: 10 });
  const { process } = args.document["config"] as {
    process: { sample: { prompts: string[] } }[];
  };
  process[0]!.sample.prompts = Array.from({ length: 3_000 }, (_, index) => `picture ${index}`);
  const jobId = await start(edge, args);
  await until(
    () => edge.items(jobId).some((item) => item.kind === "sample" && item.step === 10),
    "the last pictures",
  );
  await edge.call("stop-attempt", { jobId, attempt: 1, ...stopped, mode: "checkpoint" });
  expect((await ended(edge, jobId)).state).toBe("stopped");
  // The final model is on disk by then; nobody looks for requests any more, and none is waited for.
  expect(edge.items(jobId).filter((item) => item.kind === "checkpoint")).toMatchObject([
    { step: null, valid: true, final: true },
  ]);
  expect(series(edge.items(jobId), "loss")).toEqual(truthOf(home, jobId));
});

test("a stop with a checkpoint before anything is trained does not wait for one", async () => {
  const { edge } = await setUp();
  const jobId = await start(edge, tinyStart({ steps: 2_000 }));
  await edge.call("stop-attempt", { jobId, attempt: 1, ...stopped, mode: "checkpoint" });
  expect((await ended(edge, jobId)).state).toBe("stopped");
});

test("a stop in progress is carried on by the next agent", async () => {
  const { edge, agent, home, env } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 800 }));
  await running(home, jobId);
  // A trainer that does not react: the question stands while the agent dies.
  const [pid] = trainersOf(jobId);
  await freezeBetweenWrites(pid ?? 0, home, jobId);
  await edge.call("stop-attempt", { jobId, attempt: 1, ...stopped });
  await until(() => isAskedToStop(home, jobId), "the question");
  await agent.kill("SIGKILL");
  startAgentProcess({ url: edge.url, home, env });
  await until(() => edge.hellos.length === 2, "the new agent");
  expect(edge.hellos.at(-1)?.jobs[0]?.head.state).toBe("stopping");
  process.kill(pid ?? 0, "SIGCONT");
  const end = await ended(edge, jobId);
  expect(end.state).toBe("stopped");
  const log = readFileSync(join(home, "jobs", jobId, "1", "stdout.log"), "utf8");
  expect(log.match(/Job stopped/g)).toHaveLength(1);
});

test("NaN losses are kept as NaN, raise one alert and stop the job", async () => {
  const { home, edge } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 500, lr: 0.1 }));
  const end = await ended(edge, jobId);
  expect(end.state).toBe("stopped");
  expect(end.evidence).toMatchObject({ stop_wanted: "guardrail:TRAINING_NAN_LOSS" });
  const items = edge.items(jobId);
  const alerts = items.filter((item) => item.kind === "alert");
  expect(alerts).toHaveLength(1);
  expect(alerts[0]).toMatchObject({
    code: "TRAINING_NAN_LOSS",
    guardrail: true,
    severity: "critical",
  });
  const read = series(items, "loss");
  expect(read).toEqual(truthOf(home, jobId));
  expect(read.filter((point) => Number.isNaN(point.value)).length).toBeGreaterThanOrEqual(3);
});

test("one start, delivered five times and under a second id, is one process", async () => {
  const { edge, home } = await setUp(slow);
  const args = tinyStart({ steps: 300 });
  endTrainersAfterTest(args.jobId);
  const callId = newCallId();
  // Hashed once and before: five hashes may end in any order, and then the last call is not the one that is answered.
  const argsHash = await hashJson(args);
  const outcomes = await Promise.all(
    [1, 2, 3, 4, 5].map(() => edge.call("start-attempt", args, { callId, argsHash })).slice(-1),
  );
  expect(outcomes).toEqual([{ ok: true, value: { accepted: true } }]);
  expect(await edge.call("start-attempt", args)).toEqual({ ok: true, value: { accepted: true } });
  expect(
    await edge.call("start-attempt", args, { callId, argsHash: await hashJson("other") }),
  ).toMatchObject({
    ok: false,
    error: { code: "IDEMPOTENCY_CONFLICT" },
  });
  expect(await edge.call("start-attempt", { ...args, totalSteps: 7 })).toMatchObject({
    ok: false,
    error: { code: "IDEMPOTENCY_CONFLICT" },
  });
  await running(home, args.jobId);
  expect(trainersOf(args.jobId)).toHaveLength(1);
});

test("a stop that overtakes its start wins", async () => {
  const { edge } = await setUp();
  const args = tinyStart({ steps: 10 });
  expect(await edge.call("stop-attempt", { jobId: args.jobId, attempt: 1, ...stopped })).toEqual({
    ok: true,
    value: { outcome: "not-started", state: null },
  });
  expect(await edge.call("start-attempt", args)).toMatchObject({
    ok: false,
    error: { code: "JOB_NOT_RUNNING" },
  });
  expect(trainersOf(args.jobId)).toEqual([]);
});

test("a second attempt goes on from the checkpoint, in the same folder, with its own series", async () => {
  const { edge, home } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 60, saveEvery: 10 }));
  await running(home, jobId, 25);
  await edge.call("stop-attempt", { jobId, attempt: 1, ...stopped });
  await ended(edge, jobId);
  await start(edge, tinyStart({ steps: 60, saveEvery: 10, jobId, attempt: 2 }));
  expect((await ended(edge, jobId, 2)).state).toBe("completed");
  const second = edge.items(jobId, 2);
  const startStep = states(second).findLast((item) => item.startStep != null)?.startStep;
  expect(startStep).toBeGreaterThanOrEqual(10);
  expect(series(second, "loss")).toEqual(truthOf(home, jobId, 2));
  expect(series(second, "loss")[0]?.step).toBe(startStep);
});

test("two jobs of one name have a folder each, and one slot takes one job", async () => {
  const { edge } = await setUp(slow);
  const first = await start(edge, tinyStart({ steps: 400 }));
  const other = tinyStart({ steps: 20 });
  expect(await edge.call("start-attempt", other)).toMatchObject({
    ok: false,
    error: { code: "QUOTA_EXCEEDED" },
  });
  await edge.call("stop-attempt", { jobId: first, attempt: 1, ...stopped });
  await ended(edge, first);
  const second = await start(edge, tinyStart({ steps: 20 }));
  await ended(edge, second);
  const artifact = edge.items(second).find((item) => item.kind === "artifact");
  expect(artifact).toMatchObject({
    path: expect.stringMatching(/^outputs\/tinyjob-[0-9a-z]{8}\/tinyjob-[0-9a-z]{8}\.safetensors$/),
  });
});

test("what cannot start says why", async () => {
  const { edge } = await setUp();
  const args = tinyStart({ steps: 10 });
  expect(await edge.call("start-attempt", { ...args, trainer: "ai-toolkit" })).toMatchObject({
    ok: false,
    error: { code: "TRAINER_NOT_FOUND" },
  });
  const missing = structuredClone(args);
  const config = missing.document["config"] as {
    process: { datasets: { folder_path: string }[] }[];
  };
  (config.process[0] as { datasets: { folder_path: string }[] }).datasets = [
    { folder_path: "datasets/nowhere" },
  ];
  expect(await edge.call("start-attempt", missing)).toMatchObject({
    ok: false,
    error: { code: "DATASET_NOT_FOUND" },
  });
  (config.process[0] as { datasets: { folder_path: string }[] }).datasets = [
    { folder_path: "datasets/../../etc" },
  ];
  expect(await edge.call("start-attempt", missing)).toMatchObject({
    ok: false,
    error: { code: "INVALID_NAME" },
  });
  expect(await edge.call("start-attempt", { ...args, jobId: "../../x" })).toMatchObject({
    ok: false,
    error: { code: "INVALID_ARGUMENT" },
  });
  expect(
    await edge.call("read-log", {
      jobId: newJobId(),
      attempt: null,
      stream: "both",
      lines: 5,
      grep: null,
      around: null,
    }),
  ).toMatchObject({
    ok: false,
    error: { code: "JOB_NOT_FOUND" },
  });
});

test("a failing trainer is failed with its own words as evidence", async () => {
  const { edge } = await setUp();
  const args = tinyStart({ steps: 10 });
  const config = args.document["config"] as { process: Record<string, unknown>[] };
  (config.process[0] as Record<string, unknown>)["model"] = {};
  const jobId = await start(edge, args);
  const end = await ended(edge, jobId);
  expect(end.failure?.code).toBe("CONFIG_INVALID");
  expect(String(end.evidence?.["error_line"])).toContain("name_or_path");
  expect(String(end.evidence?.["root_cause_line"])).toContain("name_or_path");
  const log = await edge.call("read-log", {
    jobId,
    attempt: null,
    stream: "both",
    lines: 50,
    grep: null,
    around: null,
  });
  expect(log).toMatchObject({
    ok: true,
    value: { firstError: expect.stringContaining("name_or_path") },
  });
});

test("[C4] a tool comes as the kind of call it is", async () => {
  const { edge } = await setUp();
  const reading = { tool: "list-datasets", arguments: { detail: "full" } };
  expect(await edge.call("tool", reading)).toMatchObject({ ok: true });
  expect(await edge.call("change-tool", reading)).toMatchObject({
    ok: false,
    error: { code: "PROTOCOL_ERROR" },
  });
});

test("a running training is asked for a checkpoint and for pictures, and trains on", async () => {
  const { edge, home } = await setUp(slow);
  const jobId = await start(edge, tinyStart({ steps: 80 }));
  await running(home, jobId);
  const ask = (what: "save" | "sample") => edge.call("ask-trainer", { jobId, attempt: 1, what });

  expect(await ask("save")).toEqual({ ok: true, value: { outcome: "asked" } });
  expect(await ask("sample")).toEqual({ ok: true, value: { outcome: "asked" } });
  expect((await ended(edge, jobId)).state).toBe("completed");

  const items = edge.items(jobId);
  const saved = items.filter((item) => item.kind === "checkpoint" && !item.final);
  expect(saved).toMatchObject([{ valid: true }]);
  const drawn = items.filter((item) => item.kind === "sample");
  expect(drawn.map((item) => item.step)).toEqual([expect.any(Number), 80]);
  expect(drawn[0]?.step).toBeGreaterThan(0);
  expect(await ask("save")).toEqual({ ok: true, value: { outcome: "not-running" } });
});
