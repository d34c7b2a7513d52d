import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { configureHub } from "../support/alarms.ts";
import { catchRequests } from "../support/receiver.ts";
import type { Receiver } from "../support/receiver.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

let yard: Yard;
let receiver: Receiver;

beforeEach(async () => {
  yard = await createYard();
  await configureHub(yard.owner);
  receiver = catchRequests();
});
afterEach(() => vi.restoreAllMocks());

async function ask(
  method: string,
  path: string,
  options: { scope?: Scope | null; body?: unknown } = {},
): Promise<{ status: number; body: Record<string, any> }> {
  const { scope = "admin", body } = options;
  const response = await yard.fetch(path, {
    method,
    headers: {
      "content-type": "application/json",
      ...(scope === null ? {} : { authorization: `Bearer ${yard.tokens[scope]}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, any> };
}

const route = {
  name: "main",
  sink: "webhook",
  destination: "https://hooks.example.com/in",
};

async function deadDelivery(): Promise<string> {
  receiver.answer(() => new Response(null, { status: 500 }));
  const { data } = await yard.call("alert-routing", {
    sink: "webhook",
    destination: route.destination,
    alerts: [{ severity: "critical", message: "x" }],
    webhook_retry_attempts: 1,
    dedupe_window_seconds: 0,
  });
  return String(data["route_result"]["deliveries"][0]["delivery_id"]);
}

describe("/webhooks", () => {
  it("makes, lists, tests and deletes routes as the tools do", async () => {
    const made = await ask("POST", "/webhooks/routes", { body: route });
    const listed = await ask("GET", "/webhooks/routes", { scope: "read" });
    const tested = await ask("POST", "/webhooks/routes/main/test");
    const deleted = await ask("DELETE", "/webhooks/routes/main");

    expect(made).toMatchObject({
      status: 200,
      body: { ok: true, request_id: expect.any(String), created: true, route: { name: "main" } },
    });
    expect(listed.body).toMatchObject({
      ok: true,
      count: 1,
      routes: [{ name: "main", pending: 0 }],
    });
    expect(tested.body).toMatchObject({ success: true });
    expect(deleted.body).toMatchObject({ ok: true, deleted: true });
  });

  it("lists deliveries by status and in pages, newest first", async () => {
    const dead = await deadDelivery();
    receiver.answer(() => new Response());
    await ask("POST", "/webhooks/routes", { body: route });
    await ask("POST", "/webhooks/routes/main/test");

    const all = await ask("GET", "/webhooks/deliveries", { scope: "read" });
    const first = await ask("GET", "/webhooks/deliveries?limit=1");
    const rest = await ask("GET", `/webhooks/deliveries?limit=1&before=${first.body["next"]}`);
    const onlyDead = await ask("GET", "/webhooks/deliveries?status=dead");
    const ofRoute = await ask("GET", "/webhooks/deliveries?route=Main");
    const one = await ask("GET", `/webhooks/deliveries/${dead}`, { scope: "read" });

    expect(all.body).toMatchObject({ total: 2, count: 2, next: null });
    expect(all.body["deliveries"][0]["sequence"]).toBeGreaterThan(
      all.body["deliveries"][1]["sequence"] as number,
    );
    expect([
      first.body["deliveries"][0]["route"],
      rest.body["deliveries"][0]["delivery_id"],
    ]).toEqual(["main", dead]);
    expect(onlyDead.body["deliveries"]).toMatchObject([
      { delivery_id: dead, reason: "HTTP_STATUS", history: [{ attempt: 1, status: 500 }] },
    ]);
    expect(ofRoute.body["count"]).toBe(1);
    expect(one.body["delivery"]).toMatchObject({ delivery_id: dead, status: "dead" });
    expect(JSON.stringify([all, one])).not.toContain("/in");
  });

  it("replays one dead delivery, or all, under their own ids", async () => {
    const first = await deadDelivery();
    const second = await deadDelivery();
    receiver.answer(() => new Response());
    receiver.requests.length = 0;

    const one = await ask("POST", `/webhooks/deliveries/${first}/replay`);
    await vi.waitFor(() => expect(receiver.requests).toHaveLength(1));
    const all = await ask("POST", "/webhooks/replay");
    await vi.waitFor(() => expect(receiver.requests).toHaveLength(2));

    expect(one.body["delivery"]).toMatchObject({
      delivery_id: first,
      status: "pending",
      attempts: 0,
    });
    expect(all.body).toMatchObject({ count: 1, replayed: [second], remaining: 0 });
    expect(receiver.requests.map(({ headers }) => headers["webhook-id"])).toEqual([first, second]);
  });

  it.each([
    ["GET", "/webhooks/routes", null, 401, "AUTH_REQUIRED"],
    ["GET", "/webhooks/deliveries", null, 401, "AUTH_REQUIRED"],
    ["POST", "/webhooks/routes", "train", 403, "INSUFFICIENT_SCOPE"],
    ["DELETE", "/webhooks/routes/main", "read", 403, "INSUFFICIENT_SCOPE"],
    ["POST", "/webhooks/replay", "train", 403, "INSUFFICIENT_SCOPE"],
    ["POST", "/webhooks/deliveries/dlv_x/replay", "read", 403, "INSUFFICIENT_SCOPE"],
    ["POST", "/webhooks/deliveries/dlv_x/replay", "admin", 404, "DELIVERY_NOT_FOUND"],
    ["GET", "/webhooks/deliveries/dlv_x", "read", 404, "DELIVERY_NOT_FOUND"],
    ["GET", "/webhooks/deliveries?status=sent", "read", 400, "INVALID_ARGUMENT"],
    ["GET", "/webhooks/deliveries?limit=0", "read", 400, "INVALID_ARGUMENT"],
    ["GET", "/webhooks/deliveries?before=x", "read", 400, "INVALID_ARGUMENT"],
    ["PUT", "/webhooks/routes", "admin", 405, "METHOD_NOT_ALLOWED"],
  ] as const)("%s %s with %s: %i %s", async (method, path, scope, status, code) => {
    const answer = await ask(method, path, {
      scope,
      ...(method === "POST" && path === "/webhooks/routes" ? { body: route } : {}),
    });

    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ ok: false, error: { code, hint: expect.any(String) } });
  });

  it("keeps another owner's deliveries unknown", async () => {
    const dead = await deadDelivery();
    const other = await createYard();
    const response = await other.fetch(`/webhooks/deliveries/${dead}`, {
      headers: { authorization: `Bearer ${other.tokens.admin}` },
    });

    expect(response.status).toBe(404);
  });
});
