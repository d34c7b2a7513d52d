import { limits } from "@trainyard/shared/limits.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { configureHub } from "../support/alarms.ts";
import { catchRequests, verified } from "../support/receiver.ts";
import type { Receiver } from "../support/receiver.ts";
import { connectAgent } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const url = "https://hooks.example.com/in";
const critical = {
  severity: "critical",
  category: "quality",
  code: "NAN",
  message: "The loss is not a number in 3 steps.",
};

let yard: Yard;
let receiver: Receiver;

beforeEach(async () => {
  yard = await createYard();
  await configureHub(yard.owner);
  receiver = catchRequests();
});
afterEach(() => vi.restoreAllMocks());

const send = (args: Record<string, unknown> = {}) =>
  yard.call("alert-routing", { sink: "webhook", destination: url, alerts: [critical], ...args });

describe("alert-routing", () => {
  it("sends what passes in one request and says so in the earlier system's words", async () => {
    const { data, text } = await send({
      alerts: [
        critical,
        { severity: "warning", message: "Slow." },
        { severity: "info", message: "x" },
      ],
      state_path: "/etc/passwd",
    });

    expect(receiver.requests).toHaveLength(1);
    expect(receiver.requests[0]?.body["alerts"]).toMatchObject([
      { code: "NAN", severity: "critical" },
      { code: "ALERT", severity: "warning" },
    ]);
    expect(data).toMatchObject({
      min_severity: "warning",
      alerts_in: 3,
      alerts_after_severity_filter: 2,
      alerts_after_dedupe_rate_limit: 2,
      alerts_routed: 2,
      routed_count: 2,
      suppressed_count: 0,
      destination: "https://hooks.example.com/…",
      routing_controls: {
        state: "hub",
        state_path: "/etc/passwd",
        retry: "schedule",
        dedupe_window_seconds: 900,
        max_alerts_per_window: 50,
        webhook_retry_status_codes: [408, 409, 425, 429, 500, 502, 503, 504],
        delivery_success: true,
      },
      filter_stats: { dropped_duplicate: 0, dropped_rate_limit: 0 },
      route_result: {
        routed: 2,
        sink: "webhook",
        delivery_status: "delivered",
        webhook_status: 204,
        webhook_attempts: 1,
        webhook_retries: 0,
        webhook_history: [{ attempt: 1, status: 204 }],
      },
    });
    expect(text).toContain("2 of 3 alerts pass");
  });

  it("signs with the caller's secret", async () => {
    const secret = `whsec_${btoa("s".repeat(32))}`;
    await send({ secret });

    expect(verified(receiver.requests[0]!, secret)).toMatchObject({ type: "alert.raised" });
  });

  it("sends nothing twice, also when it is asked twice at once", async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => send()));

    expect(receiver.requests).toHaveLength(1);
    expect(
      answers.map(({ data }) => data["alerts_routed"] as number).toSorted((a, b) => a - b),
    ).toEqual([0, 0, 0, 0, 0, 1]);
    expect((await send({ dedupe_window_seconds: 0 })).data["alerts_routed"]).toBe(1);
  });

  it("keeps two jobs apart, and two places", async () => {
    await send({ alerts: [{ ...critical, job_id: "job_a" }] });
    await send({ alerts: [{ ...critical, job_id: "job_b" }] });
    await send({ alerts: [{ ...critical, job_id: "job_a" }], destination: `${url}2` });

    expect(receiver.requests).toHaveLength(3);
  });

  it("sends no request for an empty list, and a dry run neither sends nor remembers", async () => {
    const empty = await send({ alerts: [] });
    const dry = await send({ dry_run: true });

    expect(empty.data["route_result"]).toMatchObject({ routed: 0, delivery_status: "none" });
    expect(dry.data).toMatchObject({
      dry_run: true,
      alerts_after_dedupe_rate_limit: 1,
      alerts_routed: 0,
    });
    expect(receiver.requests).toEqual([]);
    expect((await send()).data["alerts_routed"]).toBe(1);
  });

  it("tries as its own knobs say, and no more", async () => {
    receiver.answer(({ atMs }) => new Response(`secret text ${atMs}`, { status: 503 }));
    const { data } = await send({ webhook_retry_attempts: 3, webhook_backoff_ms: 10 });

    expect(receiver.requests).toHaveLength(3);
    expect(data["route_result"]).toMatchObject({
      delivery_status: "dead",
      webhook_status: 503,
      webhook_error: "HTTP_STATUS",
      webhook_attempts: 3,
      webhook_retries: 2,
    });
    expect(JSON.stringify(data)).not.toContain("secret text");
  });

  it("does not try again what its own list of codes does not name", async () => {
    receiver.answer(() => new Response(null, { status: 404 }));
    const { data } = await send({ webhook_retry_status_codes: [500, 500, 99, 1_000] });

    expect(receiver.requests).toHaveLength(1);
    expect(data["routing_controls"]).toMatchObject({
      retry: "explicit",
      webhook_retry_status_codes: [500],
    });
    expect(data["route_result"]).toMatchObject({ delivery_status: "dead", webhook_status: 404 });
  });

  it("[B42] reads nothing of a receiver's endless answer, and shows nothing of it", async () => {
    let pulled = 0;
    const closed = Promise.withResolvers<void>();
    receiver.answer(
      () =>
        new Response(
          new ReadableStream<Uint8Array>({
            pull(controller) {
              pulled += 1;
              // Without end, but for a sender that reads it.
              if (pulled > 200) controller.error(new Error("it was read"));
              else controller.enqueue(new TextEncoder().encode("a secret ".repeat(1_800)));
            },
            cancel: () => closed.resolve(),
          }),
        ),
    );
    const { data } = await send();
    await closed.promise;

    // One piece of 16 KiB, which a stream makes before anybody asks.
    expect(pulled).toBeLessThanOrEqual(1);
    expect(data["route_result"]).toMatchObject({
      delivery_status: "delivered",
      webhook_status: 200,
    });
    expect(JSON.stringify(data)).not.toContain("a secret");
  });

  it("ends a receiver that hangs at its time-out", async () => {
    receiver.answer(() => new Promise(() => undefined));
    const { data } = await send({ webhook_retry_attempts: 1, webhook_timeout_seconds: 1 });

    expect(data["route_result"]).toMatchObject({ webhook_status: null, webhook_error: "TIMEOUT" });
  });

  it("takes a job's alerts and its end, with context, by the older name too", async () => {
    const agent = await connectAgent(yard);
    await yard.call("create-training-config", {
      name: "cats",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const jobId = String(
      (await yard.call("start-training", { config_name: "cats" })).data["job_id"],
    );
    await agent.events(
      jobId,
      [
        {
          kind: "alert",
          atMs: 1,
          step: 3,
          code: "TRAINING_NAN_LOSS",
          severity: "critical",
          category: "quality",
          message: "m",
          evidence: {},
          guardrail: true,
        },
        {
          kind: "state",
          atMs: 2,
          state: "failed",
          failure: { code: "TRAINER_ERROR", message: "It ended.", fix: "Look." },
        },
      ],
      { state: "failed" },
    );
    const response = await yard.fetch("/mcp/tool", {
      method: "POST",
      headers: { authorization: `Bearer ${yard.tokens.admin}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "route_alerts", arguments: { jobId, type: "webhook", url } }),
    });

    expect(response.status).toBe(200);
    expect(receiver.requests[0]?.body).toMatchObject({
      alerts: [{ code: "TRAINING_NAN_LOSS", step: 3, job_id: jobId }, { code: "JOB_FAILED" }],
      context: { job_id: jobId, job_name: "cats", overall_health: "critical" },
    });
  });

  it("adds to a job's timeline once", async () => {
    await connectAgent(yard);
    await yard.call("create-training-config", {
      name: "cats",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const jobId = String(
      (await yard.call("start-training", { config_name: "cats" })).data["job_id"],
    );
    const { data } = await yard.call("alert-routing", {
      sink: "timeline",
      job_id: jobId,
      alerts: [critical],
    });

    expect(data["route_result"]).toMatchObject({ delivery_status: "delivered", sink: "timeline" });
    const again = await yard.call("alert-routing", {
      sink: "webhook",
      destination: url,
      job_id: jobId,
    });
    expect(again.data["alerts_in"]).toBe(1);
    expect(receiver.requests[0]?.body["alerts"]).toMatchObject([{ code: "NAN", job_id: jobId }]);
  });

  it("writes to a file of the box by its name alone", async () => {
    const agent = await connectAgent(yard, {
      "append-alerts": (args) => ({ path: `alerts/${args.file}`, written: args.lines.length }),
    });
    const { data } = await yard.call("alert-routing", {
      alerts: [critical],
      destination: "/ai-toolkit/outputs/alerts/mine.jsonl",
    });
    const { data: daily } = await yard.call("alert-routing", { alerts: [critical] });

    expect(data["route_result"]).toMatchObject({
      delivery_status: "delivered",
      destination: "mine.jsonl",
    });
    expect(daily["destination"]).toBe("alerts-yyyymmdd.jsonl");
    expect(agent.argsOf("append-alerts")).toMatchObject([
      { file: "mine.jsonl", lines: [{ timestamp: expect.any(String), alert: { code: "NAN" } }] },
      { file: expect.stringMatching(/^alerts-\d{8}\.jsonl$/) },
    ]);
  });
});

describe("a refused place makes no request", () => {
  it.each([
    [{ destination: "http://example.com/" }, "HTTPS_REQUIRED"],
    [{ destination: "https://127.0.0.1/" }, "HOST_REFUSED"],
    [{ destination: "https://2130706433/" }, "HOST_REFUSED"],
    [{ destination: "https://[::ffff:10.0.0.1]/" }, "HOST_REFUSED"],
    [{ destination: "https://metadata.google.internal/" }, "HOST_REFUSED"],
    [{ destination: "https://u:p@example.com/" }, "CREDENTIALS_IN_URL"],
    [{ destination: "https://example.com:22/" }, "PORT_REFUSED"],
    [{ destination: "https://localhost/" }, "HOST_REFUSED"],
    [{ destination: `https://example.com/${"x".repeat(2_048)}` }, "INVALID_ARGUMENT"],
    [{ destination: "https://example.com/\r\nx-evil: 1" }, "INVALID_ARGUMENT"],
    [{ headers: { "x-evil": "1\r\nhost: x" } }, "UNKNOWN_KEY"],
    [{ destination: "nonsense" }, "INVALID_ARGUMENT"],
    [{ destination: undefined }, "INVALID_ARGUMENT"],
    [{ sink: "ntfy", destination: "https://ntfy.sh/" }, "INVALID_ARGUMENT"],
    [{ sink: "slack", secret: "whsec_x" }, "INVALID_ARGUMENT"],
    [{ secret: "short" }, "INVALID_ARGUMENT"],
    [{ sink: "timeline" }, "INVALID_ARGUMENT"],
    [{ alerts: undefined }, "INVALID_ARGUMENT"],
    [{ alerts: [{ severity: "fatal", message: "x" }] }, "INVALID_ARGUMENT"],
    [{ alerts: [{ ...critical, evil: 1 }] }, "INVALID_ARGUMENT"],
    [{ job_id: "job_nobody" }, "JOB_NOT_FOUND"],
    [{ sink: "file", destination: "../../etc/cron.d/x" }, "PATH_ESCAPE"],
    [{ sink: "file", destination: "/etc/passwd" }, "INVALID_FILENAME"],
  ])("[B34] [B35] [B36] [B37] [B38] [B41] %j: %s", async (args, code) => {
    await connectAgent(yard);
    const { error } = await send(args);

    expect(error?.code).toBe(code);
    expect(error?.hint).not.toBeNull();
    expect(receiver.requests).toEqual([]);
  });

  it("and is asked again at each attempt: what the operator takes back is not sent", async () => {
    const vars = { TRAINYARD_WEBHOOK_ALLOW: "10.0.0.7:9000" };
    const home = await createYard({ vars });
    await configureHub(home.owner, vars);
    const args = {
      sink: "webhook",
      destination: "http://10.0.0.7:9000/x",
      alerts: [critical],
      dedupe_window_seconds: 0,
    };
    expect((await home.call("alert-routing", args)).data["alerts_routed"]).toBe(1);
    expect(receiver.requests).toHaveLength(1);

    await configureHub(home.owner);
    const { data } = await home.call("alert-routing", args);
    expect(data["route_result"]).toMatchObject({
      delivery_status: "dead",
      webhook_error: "DESTINATION_REFUSED",
    });
    expect(receiver.requests).toHaveLength(1);
  });
});

describe("standing routes", () => {
  const set = (args: Record<string, unknown> = {}) =>
    yard.call("set-alert-route", { name: "main", sink: "webhook", destination: url, ...args });

  it("of no code at all would tell nothing: refused, with the codes there are", async () => {
    const { error } = await set({ codes: [] });

    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    for (const code of ["TRAINING_NAN_LOSS", "JOB_FAILED", "BOX_OFFLINE", "LOSS_DIVERGED"]) {
      expect(error?.hint).toContain(code);
    }
    // A newer agent may have codes of its own.
    expect((await set({ codes: ["OF_A_NEWER_AGENT"] })).error).toBeNull();
  });

  it("show a new secret once and never an address", async () => {
    const first = await set();
    const again = await set({ min_severity: "critical", destination: undefined });
    const listed = await yard.call("list-alert-routes", {}, "read");

    expect(first.data).toMatchObject({ created: true, secret: expect.stringMatching(/^whsec_/) });
    expect(again.data).toMatchObject({ created: false, route: { min_severity: "critical" } });
    expect(again.data["secret"]).toBeUndefined();
    expect(listed.data["routes"]).toMatchObject([
      { name: "main", destination: "https://hooks.example.com/…", enabled: true },
    ]);
    expect(JSON.stringify(listed.data)).not.toContain(String(first.data["secret"]));

    const test = await yard.call("test-alert-route", { name: "MAIN" }, "train");
    expect(test.data).toMatchObject({ success: true, delivery: { alert_codes: ["ALERT_TEST"] } });
    expect(verified(receiver.requests[0]!, String(first.data["secret"]))).toMatchObject({
      type: "alert.test",
    });
  });

  it.each([
    ["slack", "https://hooks.slack.com/services/T/B/x", ["text", "blocks"]],
    ["discord", "https://discord.com/api/webhooks/1/x", ["content", "embeds", "allowed_mentions"]],
    ["ntfy", "https://ntfy.sh/my-topic", ["topic", "title", "message", "priority", "tags"]],
  ])("send to %s in its own form", async (sink, destination, fields) => {
    await set({ sink, destination, ...(sink === "ntfy" ? { secret: "tk_abc" } : {}) });
    const { data } = await yard.call("test-alert-route", { name: "main" });

    expect(data["success"]).toBe(true);
    const [request] = receiver.requests;
    for (const field of fields) expect(request?.body).toHaveProperty(field);
    expect(request?.headers["content-type"]).toBe("application/json");
    expect(request?.url).toBe(sink === "ntfy" ? "https://ntfy.sh/" : destination);
    expect(request?.headers["authorization"]).toBe(sink === "ntfy" ? "Bearer tk_abc" : undefined);
    expect(request?.headers["webhook-signature"]).toBeUndefined();
  });

  it("are the admin's to make and to delete", async () => {
    expect(
      (await yard.call("set-alert-route", { name: "a", sink: "timeline" }, "train")).error?.code,
    ).toBe("INSUFFICIENT_SCOPE");
    expect((await set({ name: "../x" })).error?.code).toBe("INVALID_NAME");
    expect((await yard.call("test-alert-route", { name: "none" })).error?.code).toBe(
      "ALERT_ROUTE_NOT_FOUND",
    );
    await set();
    expect((await yard.call("delete-alert-route", { name: "main" }, "train")).error?.code).toBe(
      "INSUFFICIENT_SCOPE",
    );
    expect((await yard.call("delete-alert-route", { name: "main" })).data).toMatchObject({
      deleted: true,
    });
    expect((await yard.call("delete-alert-route", { name: "main" })).data).toMatchObject({
      deleted: false,
    });
  });

  it("[B43] are bounded, and their list is short at MCP", async () => {
    for (let n = 0; n < limits.alertRoutes; n += 1) {
      await set({ name: `route-${n}-${"x".repeat(40)}` });
    }
    const more = await set({ name: "more" });
    expect([more.status, more.error?.code]).toEqual([429, "QUOTA_EXCEEDED"]);
    expect((await yard.call("list-alert-routes")).data["count"]).toBe(limits.alertRoutes);

    for (const [tool, args] of [
      ["list-alert-routes", {}],
      ["set-alert-route", { name: `route-1-${"x".repeat(40)}`, sink: "webhook" }],
      ["test-alert-route", { name: `route-1-${"x".repeat(40)}` }],
      ["delete-alert-route", { name: "none" }],
      [
        "alert-routing",
        {
          sink: "webhook",
          destination: url,
          alerts: Array.from({ length: 60 }, (_, n) => ({
            ...critical,
            code: `C${n}`,
            message: `${n} ${"m".repeat(490)}`,
          })),
        },
      ],
    ] as const) {
      const answer = await yard.mcp(tool, args);
      expect(answer.isError, `${tool}: ${answer.text}`).toBe(false);
      expect(JSON.stringify(answer.data).length + answer.text.length).toBeLessThanOrEqual(
        limits.conciseCharacters,
      );
    }
  });
});
