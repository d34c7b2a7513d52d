import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../../control-plane/env.ts";
import { configureHub, virtualHub } from "../support/alarms.ts";
import type { VirtualHub } from "../support/alarms.ts";
import { catchRequests, verified } from "../support/receiver.ts";
import type { ReceivedRequest, Receiver } from "../support/receiver.ts";
import { connectAgent } from "../support/scripted-agent.ts";
import type { ScriptedAgent, Script } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const bindings = env as unknown as Env;
const second = 1_000;
const hour = 3_600_000;
/** A clock that jumps makes the box look silent: left out where that is not the matter. */
const codes = ["TRAINING_NAN_LOSS"];
const url = "https://hooks.example.com/services/secret-path";

let yard: Yard;
let clock: VirtualHub;
let receiver: Receiver;

beforeEach(async () => {
  yard = await createYard();
  await configureHub(yard.owner);
  clock = virtualHub(yard.owner);
  receiver = catchRequests();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const alert = (n: number, change: Partial<Extract<Item, { kind: "alert" }>> = {}): Item => ({
  kind: "alert",
  atMs: Date.now(),
  step: n,
  code: "TRAINING_NAN_LOSS",
  severity: "critical",
  category: "quality",
  message: "The loss is not a number.",
  evidence: { nan_steps: n },
  guardrail: false,
  ...change,
});

async function startJob(agent?: Script): Promise<{ agent: ScriptedAgent; jobId: string }> {
  const connected = await connectAgent(yard, agent);
  await yard.call("create-training-config", {
    name: "cats",
    model_name: "tiny",
    dataset_path: "cats",
  });
  const { data } = await yard.call("start-training", { config_name: "cats" });
  return { agent: connected, jobId: String(data["job_id"]) };
}

async function setRoute(args: Record<string, unknown> = {}): Promise<string> {
  const { data, error } = await yard.call("set-alert-route", {
    name: "main",
    sink: "webhook",
    destination: url,
    ...args,
  });
  expect(error).toBeNull();
  return String(data["secret"] ?? "");
}

const route = async (name = "main") =>
  (await yard.call("list-alert-routes")).data["routes"].find(
    (entry: { name: string }) => entry.name === name,
  );

const deliveries = async (query = "") => {
  const response = await yard.fetch(`/webhooks/deliveries${query}`, {
    headers: { authorization: `Bearer ${yard.tokens.read}` },
  });
  const body: Record<string, any> = await response.json();
  return body["deliveries"] as Record<string, any>[];
};

describe("a finding of the box", () => {
  it("reaches a standing route once, signed so that the public library verifies it", async () => {
    const secret = await setRoute();
    const { agent, jobId } = await startJob();

    await agent.events(jobId, [alert(7)], { currentStep: 7 });
    await clock.pass(second);

    expect(receiver.requests).toHaveLength(1);
    const [request] = receiver.requests;
    expect(request).toMatchObject({ url, method: "POST", redirect: "manual" });
    expect(verified(request as ReceivedRequest, secret)).toMatchObject({
      version: 1,
      type: "alert.raised",
      id: request?.headers["webhook-id"],
      alerts: [{ code: "TRAINING_NAN_LOSS", severity: "critical", job_id: jobId, step: 7 }],
      context: { job_id: jobId, status_snapshot: { state: "running", current_step: 7 } },
    });
    expect(await clock.nextAlarmAtMs()).toBeGreaterThan(clock.now());
  });

  it("that would have stopped the job says so, and does not silence the stop", async () => {
    await setRoute({ codes });
    const { agent, jobId } = await startJob();

    await agent.events(jobId, [alert(7, { wouldStop: true })], {});
    await agent.events(jobId, [alert(8, { guardrail: true })], {});
    await clock.pass(5 * second);

    const told = receiver.requests.flatMap(({ body }) => body["alerts"]);
    expect(told).toMatchObject([
      { step: 7, would_stop: true },
      { step: 8, guardrail: true },
    ]);
    expect(told[0]).not.toHaveProperty("guardrail");
  });

  it("is told of once though its frame comes again, and nothing is written without a route", async () => {
    const { agent, jobId } = await startJob();
    const hub = bindings.HUB.getByName(yard.owner);
    await agent.events(jobId, [alert(1)], {});
    const before = (await hub.usage()).rowsWritten;
    await agent.events(jobId, [alert(2)], {});

    // The index row alone: the summary's count of alerts has changed.
    expect((await hub.usage()).rowsWritten - before).toBe(1);
    expect(await clock.nextAlarmAtMs()).toBeNull();

    await setRoute({ dedupe_window_seconds: 0 });
    await agent.events(jobId, [alert(3)], {});
    await agent.repeat(jobId);
    await clock.pass(second);

    expect(receiver.requests.map(({ body }) => body["alerts"][0].step)).toEqual([3]);
  });

  it("tells a job's end with its verdict and figures", async () => {
    await setRoute();
    const { agent, jobId } = await startJob();
    await agent.events(
      jobId,
      [
        { kind: "metrics", steps: [0, 1], atMs: [1, 2], values: { loss: [0.5, 0.25] } },
        {
          kind: "artifact",
          atMs: 3,
          name: "cats.safetensors",
          path: "outputs/cats/cats.safetensors",
          bytes: 1_000,
          sha256: "a".repeat(64),
          step: null,
        },
        { kind: "state", atMs: 4, state: "completed" },
      ],
      { state: "completed", currentStep: 2, totalSteps: 2 },
    );
    await clock.pass(second);

    expect(receiver.requests[0]?.body).toMatchObject({
      type: "job.finished",
      alerts: [
        {
          code: "JOB_COMPLETED",
          severity: "info",
          job_id: jobId,
          evidence: {
            state: "completed",
            job_name: "cats",
            current_step: 2,
            first_loss: 0.5,
            loss: 0.25,
            model_sha256: "a".repeat(64),
            overall_health: "healthy",
          },
        },
      ],
      context: { overall_health: "healthy" },
    });
  });

  it("that only judging shows is told of once while it lasts", async () => {
    await setRoute({ codes: ["LOSS_NOT_FINITE"], dedupe_window_seconds: 0 });
    const { agent, jobId } = await startJob();
    await agent.events(
      jobId,
      [
        { kind: "state", atMs: 0, state: "running" },
        {
          kind: "metrics",
          steps: [0, 1, 2],
          atMs: [1, 2, 3],
          values: { loss: [0.5, "NaN", "NaN"] },
        },
      ],
      { currentStep: 3 },
    );
    await clock.pass(6 * hour);

    expect(receiver.requests.map(({ body }) => body["alerts"])).toMatchObject([
      [{ code: "LOSS_NOT_FINITE", job_id: jobId }],
    ]);
  });

  it("passes only the routes that want it", async () => {
    await setRoute({ name: "loud", min_severity: "critical" });
    await setRoute({ name: "codes", codes: ["DISK_LOW"], destination: "https://b.example.com/x" });
    const { agent, jobId } = await startJob();

    await agent.events(jobId, [alert(1, { code: "DISK_LOW", severity: "warning" })], {});
    await clock.pass(second);

    expect(receiver.requests.map((request) => request.url)).toEqual(["https://b.example.com/x"]);
  });
});

describe("a receiver that is down for a day", () => {
  it("gets every alert once when it is back, at most one a second, each signed", async () => {
    const secret = await setRoute({ codes, dedupe_window_seconds: 0, max_alerts_per_window: 0 });
    const { agent, jobId } = await startJob();
    receiver.answer(() => Promise.reject(new TypeError("connection refused")));

    for (let n = 1; n <= 24; n += 1) {
      await agent.events(jobId, [alert(n)], {});
      await clock.pass(hour);
    }
    expect(receiver.requests.length).toBeGreaterThan(24);
    expect(await deliveries("?status=delivered")).toEqual([]);

    const back = receiver.requests.length;
    receiver.answer(() => new Response("ok"));
    await clock.pass(24 * hour);

    const arrived = receiver.requests.slice(back);
    expect(arrived.map(({ body }) => body["alerts"][0].step).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 24 }, (_, n) => n + 1),
    );
    expect(new Set(arrived.map(({ headers }) => headers["webhook-id"])).size).toBe(24);
    const waits = arrived.slice(1).map(({ atMs }, n) => atMs - (arrived[n]?.atMs ?? 0));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(second);
    // The backlog follows the first success at once and does not wait for each one's own turn.
    expect((arrived.at(-1)?.atMs ?? 0) - (arrived[0]?.atMs ?? 0)).toBeLessThan(60 * second);
    for (const request of arrived) {
      vi.setSystemTime(request.atMs);
      expect(verified(request, secret)).toMatchObject({ id: request.headers["webhook-id"] });
    }
    expect(await deliveries("?status=pending")).toEqual([]);
  }, 60_000);

  it("is tried for 75 hours under one id; then the dead letter waits to be replayed", async () => {
    await setRoute({ codes });
    const { agent, jobId } = await startJob();
    receiver.answer(() => new Response("no", { status: 500 }));
    await agent.events(jobId, [alert(1)], {});
    await clock.pass(100 * hour);

    const tries = receiver.requests.filter(({ body }) => body["alerts"][0].step === 1);
    expect(tries).toHaveLength(10);
    expect(new Set(tries.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(tries[9]!.atMs - tries[0]!.atMs).toBeGreaterThanOrEqual(75 * hour);
    const dead = await deliveries("?status=dead");
    expect(dead).toMatchObject([{ status: "dead", reason: "HTTP_STATUS", attempts: 10 }]);
    expect(await route()).toMatchObject({ enabled: true, dead: 1, pending: 0 });

    receiver.answer(() => new Response());
    const replay = await yard.fetch(`/webhooks/deliveries/${dead[0]!["delivery_id"]}/replay`, {
      method: "POST",
      headers: { authorization: `Bearer ${yard.tokens.admin}` },
    });
    expect(replay.status).toBe(200);
    await clock.pass(5 * second);

    expect(receiver.requests.at(-1)?.headers["webhook-id"]).toBe(dead[0]!["delivery_id"]);
    expect(await deliveries("?status=dead")).toEqual([]);
    expect(await deliveries("?status=delivered")).toHaveLength(1);
  }, 60_000);
});

describe("what a receiver says", () => {
  it("410 switches the route off, ends what waits for it, and is told to the other routes", async () => {
    await setRoute({ dedupe_window_seconds: 0 });
    await setRoute({ name: "other", destination: "https://other.example.com/x" });
    const { agent, jobId } = await startJob();
    receiver.answer(({ url: to }) => new Response(null, { status: to === url ? 410 : 204 }));

    await agent.events(jobId, [alert(1), alert(2)], {});
    await clock.pass(second);

    expect(receiver.requests.filter((request) => request.url === url)).toHaveLength(1);
    expect(await route()).toMatchObject({
      enabled: false,
      disabled_reason: "The receiver answered 410 Gone.",
      pending: 0,
      dead: 2,
    });
    expect(receiver.requests.at(-1)).toMatchObject({
      url: "https://other.example.com/x",
      body: { alerts: [{ code: "ALERT_ROUTE_DISABLED", evidence: { route: "main" } }] },
    });

    await setRoute({ dedupe_window_seconds: 0 });
    expect(await route()).toMatchObject({ enabled: true });
  });

  it("Retry-After holds when it is longer than the schedule", async () => {
    await setRoute({ codes });
    const { agent, jobId } = await startJob();
    receiver.answer(() => new Response(null, { status: 429, headers: { "retry-after": "3600" } }));
    await agent.events(jobId, [alert(1)], {});
    await clock.pass(0);
    const firstAtMs = receiver.requests[0]!.atMs;

    receiver.answer(() => new Response());
    await clock.pass(2 * hour);

    expect(receiver.requests).toHaveLength(2);
    expect(receiver.requests[1]!.atMs - firstAtMs).toBeGreaterThanOrEqual(hour);
  });

  it("nothing, because the local way out reached nobody, is a failure of the network", async () => {
    await setRoute();
    const { agent, jobId } = await startJob();
    receiver.answer(
      () => new Response(null, { status: 502, headers: { "x-trainyard-outbound": "failed" } }),
    );
    await agent.events(jobId, [alert(1)], {});
    await clock.pass(0);

    expect(await deliveries()).toMatchObject([
      { status: "pending", reason: "NETWORK", history: [{ attempt: 1, status: null }] },
    ]);
  });

  it("[B40] a redirect is a failure and nothing is asked of where it points", async () => {
    await setRoute();
    const { agent, jobId } = await startJob();
    receiver.answer(
      () => new Response(null, { status: 302, headers: { location: "http://169.254.169.254/" } }),
    );
    await agent.events(jobId, [alert(1)], {});
    await clock.pass(second);

    expect(receiver.requests.map((request) => request.url)).toEqual([url]);
    expect(await deliveries()).toMatchObject([
      { status: "pending", reason: "REDIRECT_REFUSED", history: [{ attempt: 1, status: 302 }] },
    ]);
  });
});

describe("a crash", () => {
  it("in the middle of an attempt repeats it with the same id", async () => {
    await setRoute({ codes });
    const { agent, jobId } = await startJob();
    receiver.answer(() => new Promise(() => undefined));
    await agent.events(jobId, [alert(1)], {});
    const cut = clock.pass(second);
    await vi.waitFor(() => expect(receiver.requests).toHaveLength(1));
    // An answer leaves only when what was written before it is on disk; a request to a real receiver does too.
    expect(await deliveries()).toMatchObject([{ status: "pending", attempts: 1 }]);
    await abortAllDurableObjects();
    await cut.catch(() => undefined);
    receiver.answer(() => new Response());
    await configureHub(yard.owner);
    await clock.pass(hour);

    expect(receiver.requests).toHaveLength(2);
    expect(new Set(receiver.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(await deliveries()).toMatchObject([{ status: "delivered", attempts: 2 }]);
  });

  it("does not forget dedupe and rate limit", async () => {
    await setRoute({ dedupe_window_seconds: 3_600, max_alerts_per_window: 2 });
    const { agent, jobId } = await startJob();
    await agent.events(jobId, [alert(1)], {});
    await clock.pass(second);
    await evictDurableObject(bindings.HUB.getByName(yard.owner), { webSockets: "hibernate" });
    await configureHub(yard.owner);

    await agent.events(jobId, [alert(2)], {});
    await agent.events(jobId, [alert(3, { code: "B" }), alert(4, { code: "C" })], {});
    await clock.pass(second);

    expect(receiver.requests.map(({ body }) => body["alerts"][0].code)).toEqual([
      "TRAINING_NAN_LOSS",
      "B",
    ]);
  });
});

describe("a file on the box", () => {
  it("waits while the box is off and is asked for under one call id", async () => {
    const written: unknown[] = [];
    const script: Script = {
      "append-alerts": (args) => {
        written.push(args);
        return { path: `alerts/${args.file}`, written: args.lines.length };
      },
    };
    await setRoute({ sink: "file", destination: "alerts.jsonl" });
    const { agent, jobId } = await startJob(script);
    await agent.events(jobId, [alert(1)], {});
    await agent.close();
    await clock.pass(50 * hour);

    expect(written).toEqual([]);
    expect(await deliveries()).toMatchObject([
      // The box's silence is an alert as well, and waits for the same box.
      { alert_codes: ["BOX_OFFLINE"], status: "pending", next_attempt_at: null },
      { alert_codes: ["TRAINING_NAN_LOSS"], status: "pending", attempts: 0 },
    ]);

    const again = await connectAgent(yard, script);
    await clock.during(vi.waitFor(() => expect(written.length).toBeGreaterThanOrEqual(2)));
    await clock.pass(second);

    expect(written).toMatchObject([
      {
        file: "alerts.jsonl",
        lines: [
          { alert: { code: "TRAINING_NAN_LOSS", job_id: jobId }, context: { job_id: jobId } },
        ],
      },
      { lines: [{ alert: { code: "BOX_OFFLINE" } }] },
      { lines: [{ alert: { code: "BOX_ONLINE" } }] },
    ]);
    const [first] = again.calls.filter((call) => call.operation === "append-alerts");
    expect(first?.callId).toBe(`call_${(written[0] as { deliveryId: string }).deliveryId}`);
  });
});

describe("the job's timeline", () => {
  const alertsOf = async (jobId: string) =>
    (await yard.call("get-training-status", { job_id: jobId })).data["alerts"] as {
      code: string;
      would_stop?: boolean;
    }[];

  it("gets the job's end, and once what it has already", async () => {
    await setRoute({ sink: "timeline", destination: undefined });
    const { agent, jobId } = await startJob();
    await agent.events(
      jobId,
      [alert(1, { wouldStop: true }), { kind: "state", atMs: Date.now(), state: "failed" }],
      { state: "failed" },
    );
    await clock.pass(5 * second);

    expect((await alertsOf(jobId)).map(({ code }) => code)).toEqual([
      "TRAINING_NAN_LOSS",
      "JOB_FAILED",
    ]);
  });

  it("gets the end of a job that the box refused to start", async () => {
    await setRoute({ sink: "timeline", destination: undefined });
    const { AppError } = await import("@trainyard/shared/errors.ts");
    const { jobId } = await startJob({
      "start-attempt": () => {
        throw new AppError("TRAINER_NOT_FOUND", "It is not there.", { hint: "Install it." });
      },
    });
    await clock.during(
      vi.waitFor(async () => expect(await alertsOf(jobId)).toMatchObject([{ code: "JOB_FAILED" }])),
    );
  });

  it("keeps what an alert that was handed in would have done", async () => {
    const { jobId } = await startJob();
    const given = { severity: "critical", code: "NAN", message: "x", would_stop: true };
    const stopped = { severity: "critical", code: "OOM", message: "x", guardrail: true };
    await clock.during(
      yard.call("alert-routing", { sink: "timeline", job_id: jobId, alerts: [given, stopped] }),
    );

    expect((await alertsOf(jobId)).toSorted((a, b) => a.code.localeCompare(b.code))).toMatchObject([
      { code: "NAN", would_stop: true },
      { code: "OOM", guardrail: true },
    ]);
    // Which rule stopped the job, only the box says.
    const { data } = await yard.call("get-training-status", { job_id: jobId });
    expect(data["guardrails"]["triggered"]).toEqual([]);
  });
});

describe("what only the edge sees", () => {
  it("a box that stays away is told of once, and its return too", async () => {
    await setRoute();
    const { agent } = await startJob();
    await agent.close();
    await clock.pass(4 * 60 * second);
    expect(receiver.requests).toEqual([]);
    await clock.pass(24 * hour);

    const codes = () => receiver.requests.map(({ body }) => body["alerts"][0].code);
    expect(codes()).toEqual(["BOX_OFFLINE"]);
    expect(await clock.nextAlarmAtMs()).toBeNull();

    await connectAgent(yard);
    await clock.pass(second);
    expect(codes()).toEqual(["BOX_OFFLINE", "BOX_ONLINE"]);
  });

  it("each silent box is told of once, however often they are looked at", async () => {
    const two = await createYard({ agents: 2 });
    await configureHub(two.owner);
    yard = two;
    clock = virtualHub(two.owner);
    await setRoute({ dedupe_window_seconds: 0 });
    // Its socket stays, so there is a look every ten minutes; its pings do not come in this clock.
    await connectAgent(two, {}, { at: 1 });
    const gone = await connectAgent(two);
    await gone.close();
    await clock.pass(5 * hour);

    const told = receiver.requests.flatMap(({ body }) => body["alerts"]);
    expect(told.map(({ code }) => code)).toEqual(["BOX_OFFLINE", "BOX_OFFLINE"]);
    expect(new Set(told.map(({ agent_id: id }) => id)).size).toBe(2);
  });

  it("a job that waits for a box that is off is stuck, once", async () => {
    await setRoute({ codes: ["QUEUE_STUCK"] });
    const first = await startJob();
    const { data } = await yard.call("start-training", { config_name: "cats", force_new: true });
    await clock.pass(hour);
    // It waits behind a running one, as it should.
    expect(receiver.requests).toEqual([]);

    await first.agent.close();
    await clock.pass(24 * hour);

    expect(receiver.requests.map(({ body }) => body["alerts"][0])).toMatchObject([
      { code: "QUEUE_STUCK", severity: "warning", job_id: data["job_id"] },
    ]);
  });

  it("a start that the box refuses is the job's end", async () => {
    await setRoute();
    const { AppError } = await import("@trainyard/shared/errors.ts");
    const { jobId } = await startJob({
      "start-attempt": () => {
        throw new AppError("TRAINER_NOT_FOUND", "It is not there.", { hint: "Install it." });
      },
    });
    await clock.during(vi.waitFor(() => expect(receiver.requests).toHaveLength(1)));

    expect(receiver.requests[0]?.body).toMatchObject({
      type: "job.finished",
      alerts: [
        { code: "JOB_FAILED", job_id: jobId, evidence: { failure_code: "TRAINER_NOT_FOUND" } },
      ],
    });
  });
});
