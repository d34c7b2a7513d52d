import { Hono } from "hono";
import type { Context } from "hono";
import { limits } from "@trainyard/shared/limits.ts";
import type { ToolName } from "@trainyard/shared/tools/registry.ts";
import type { Principal } from "../env.ts";
import { authenticate, highestScope } from "./auth.ts";
import { readJsonBody } from "./body.ts";
import { readCall, successBody } from "./dialects.ts";
import { dispatch } from "./dispatch.ts";
import type { Dispatched } from "./dispatch.ts";
import type { Door } from "./door.ts";
import { listFor } from "./tool-list.ts";

/** Tools over plain HTTP, in the dialects of the earlier bridges. */
export const bridge = new Hono<Door>();

for (const path of ["/mcp/tool", "/mcp/execute", "/tools/execute", "/execute"]) {
  bridge.post(path, async (c) => {
    const principal = await authenticate(c.req.raw.headers, c.get("settings"));
    return answerCall(c, principal, await jsonBody(c));
  });
}

/** The address names the tool, so a call without arguments needs no body. */
bridge.post("/tools/:name/call", async (c) => {
  const principal = await authenticate(c.req.raw.headers, c.get("settings"));
  const empty = c.req.raw.body === null || c.req.header("content-length") === "0";
  return answerCall(c, principal, empty ? {} : await jsonBody(c), c.req.param("name"));
});

async function answerCall(
  c: Context<Door>,
  principal: Principal,
  body: unknown,
  named?: string,
): Promise<Response> {
  const call = readCall(body, c.req.path, named);
  const done = await runTool(c, principal, call.name, call.arguments);
  return c.json(successBody(call.dialect, c.get("requestId"), done));
}

for (const path of ["/tools", "/mcp/tools"]) {
  bridge.get(path, async (c) => {
    const principal = await authenticate(c.req.raw.headers, c.get("settings"));
    const tools = listFor(highestScope(principal));
    return c.json({ ok: true, request_id: c.get("requestId"), count: tools.length, tools });
  });
}

/** Two reads that the oldest bridge gave addresses of their own: the tool's answer, not wrapped. */
const readings: readonly (readonly [string, ToolName])[] = [
  ["/datasets", "list-datasets"],
  ["/configs", "list-configs"],
];
for (const [path, name] of readings) {
  bridge.get(path, async (c) => {
    const principal = await authenticate(c.req.raw.headers, c.get("settings"));
    const { answer } = await runTool(c, principal, name, {});
    return c.json({ ok: true, request_id: c.get("requestId"), ...answer.data });
  });
}

async function runTool(
  c: Context<Door>,
  principal: Principal,
  name: string,
  rawArguments: unknown,
): Promise<Dispatched> {
  return dispatch(c.env, c.get("settings"), {
    name,
    rawArguments,
    principal,
    door: "http",
    toolset: "all",
    origin: c.get("origin"),
    signal: c.req.raw.signal,
  });
}

async function jsonBody(c: Context<Door>): Promise<unknown> {
  return readJsonBody(c.req.raw, c.get("settings").maxBodyBytes ?? limits.httpBodyBytes);
}
