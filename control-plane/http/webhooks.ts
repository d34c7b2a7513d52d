import { Hono } from "hono";
import type { Context } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import type { ToolName } from "@trainyard/shared/tools/registry.ts";
import type { DeliveryStatus } from "../hub/delivery.ts";
import { unwrap } from "../outcome.ts";
import { hubOf } from "../stubs.ts";
import type { HubClient } from "../stubs.ts";
import { deliveryAnswer } from "../tools/alert-views.ts";
import { authenticate } from "./auth.ts";
import { readJsonBody } from "./body.ts";
import { dispatch } from "./dispatch.ts";
import type { Door } from "./door.ts";

/**
 * Alert routes and their deliveries for programs. Routes are the alert tools under an address of their own, so scope checks
 * and answers are the same; deliveries and replay exist only here.
 */
export const webhooks = new Hono<Door>();

// ---- routes -----------------------------------------------------------------------------------

webhooks.get("/webhooks/routes", (c) => byTool(c, "list-alert-routes", { detail: "full" }));

webhooks.post("/webhooks/routes", (c) => byTool(c, "set-alert-route", () => bodyOf(c)));

webhooks.delete("/webhooks/routes/:name", (c) =>
  byTool(c, "delete-alert-route", { name: c.req.param("name") }),
);

webhooks.post("/webhooks/routes/:name/test", (c) =>
  byTool(c, "test-alert-route", { name: c.req.param("name") }),
);

async function byTool(
  c: Context<Door>,
  name: ToolName,
  args: Readonly<Record<string, unknown>> | (() => Promise<unknown>),
): Promise<Response> {
  const settings = c.get("settings");
  const principal = await authenticate(c.req.raw.headers, settings);
  const { answer } = await dispatch(c.env, settings, {
    name,
    rawArguments: typeof args === "function" ? await args() : args,
    principal,
    door: "http",
    toolset: "all",
    origin: c.get("origin"),
    signal: c.req.raw.signal,
  });
  return c.json({ ok: true, request_id: c.get("requestId"), ...answer.data });
}

// ---- deliveries -------------------------------------------------------------------------------

webhooks.get("/webhooks/deliveries", async (c) => {
  const hub = await hubFor(c, "read");
  const page = unwrap(
    await hub.alerts("deliveries", {
      status: statusIn(c.req.query("status")),
      route: c.req.query("route") ?? null,
      limit: whole("limit", c.req.query("limit"), 50, limits.deliveriesListed),
      before: whole("before", c.req.query("before"), null, Number.MAX_SAFE_INTEGER),
    }),
  );
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    deliveries: page.deliveries.map((delivery) => deliveryAnswer(delivery, "full")),
    count: page.deliveries.length,
    total: page.total,
    next: page.next,
  });
});

webhooks.get("/webhooks/deliveries/:delivery_id", async (c) => {
  const hub = await hubFor(c, "read");
  const deliveryId = c.req.param("delivery_id");
  const delivery = unwrap(await hub.alerts("delivery", { deliveryId }));
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    delivery: deliveryAnswer(delivery, "full"),
  });
});

/** Sends an ended delivery again from the start, under its own id; one that still waits is left as it is. */
webhooks.post("/webhooks/deliveries/:delivery_id/replay", async (c) => {
  const hub = await hubFor(c, "admin");
  const deliveryId = c.req.param("delivery_id");
  const delivery = unwrap(await hub.alerts("replay", { deliveryId }));
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    delivery: deliveryAnswer(delivery, "full"),
  });
});

/** All dead deliveries, or those of one route, oldest first; `remaining` says whether to call again. */
webhooks.post("/webhooks/replay", async (c) => {
  const hub = await hubFor(c, "admin");
  const route = c.req.query("route") ?? null;
  const { deliveries, total } = unwrap(
    await hub.alerts("deliveries", {
      status: "dead",
      route,
      limit: limits.deliveriesListed,
      before: null,
    }),
  );
  for (const { deliveryId } of deliveries.toReversed()) {
    unwrap(await hub.alerts("replay", { deliveryId }));
  }
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    replayed: deliveries.map(({ deliveryId }) => deliveryId),
    count: deliveries.length,
    remaining: total - deliveries.length,
  });
});

async function hubFor(c: Context<Door>, needed: Scope): Promise<HubClient> {
  const principal = await authenticate(c.req.raw.headers, c.get("settings"));
  if (!principal.scopes.has(needed)) {
    throw new AppError("INSUFFICIENT_SCOPE", `This needs the scope ${needed}.`, {
      hint: "Use a token that has it.",
      details: { needed, granted: [...principal.scopes] },
    });
  }
  return hubOf(c.env, principal.owner);
}

async function bodyOf(c: Context<Door>): Promise<unknown> {
  return readJsonBody(c.req.raw, c.get("settings").maxBodyBytes ?? limits.httpBodyBytes);
}

const statuses: readonly string[] = ["pending", "delivered", "dead"] satisfies DeliveryStatus[];

function statusIn(text: string | undefined): DeliveryStatus | null {
  if (text === undefined) return null;
  if (statuses.includes(text)) return text as DeliveryStatus;
  throw new AppError("INVALID_ARGUMENT", "status is none of a delivery's.", {
    hint: `Use ${statuses.join(", ")}, or leave it out for all.`,
    details: { field: "status" },
  });
}

function whole<Default extends number | null>(
  field: string,
  text: string | undefined,
  otherwise: Default,
  max: number,
): number | Default {
  if (text === undefined) return otherwise;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= max) return value;
  throw new AppError("INVALID_ARGUMENT", `${field} must be a whole number from 1 to ${max}.`, {
    hint: `Leave ${field} out, or page with the answer's next.`,
    details: { field },
  });
}
