import { Hono } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { inputJsonSchema } from "@trainyard/shared/tools/json-schema.ts";
import { toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import { authenticate, highestScope } from "./auth.ts";
import { readJsonBody } from "./body.ts";
import { dispatch } from "./dispatch.ts";
import type { Door } from "./door.ts";

/** Tools over plain HTTP, in the dialects of the two earlier bridges. */
export const bridge = new Hono<Door>();

bridge.post("/mcp/tool", async (c) => {
  const settings = c.get("settings");
  const principal = await authenticate(c.req.raw.headers, settings);
  const call = readCall(
    await readJsonBody(c.req.raw, settings.maxBodyBytes ?? limits.httpBodyBytes),
  );
  const { tool, answer } = await dispatch(c.env, settings, {
    name: call.name,
    rawArguments: call.arguments,
    principal,
    door: "http",
    toolset: "mcp",
    origin: new URL(c.req.url).origin,
    signal: c.req.raw.signal,
  });
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    tool: tool.name,
    data: answer.data,
    result:
      call.dialect === "tool" ? JSON.stringify(answer.data) : [{ type: "text", text: answer.text }],
  });
});

interface BridgeCall {
  readonly name: string;
  readonly arguments: unknown;
  /** `tool`: the older one, whose result is a JSON string; `name`: the result is a content list. */
  readonly dialect: "tool" | "name";
}

function readCall(body: unknown): BridgeCall {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidRequest("The body is not an object.");
  }
  const { tool, name, arguments: args } = body as Readonly<Record<string, unknown>>;
  if (tool !== undefined && name !== undefined && tool !== name) {
    throw invalidRequest("The body has both tool and name, and they differ.");
  }
  const called = tool ?? name;
  if (typeof called !== "string" || called === "") throw invalidRequest("The body names no tool.");
  if (args !== undefined && (typeof args !== "object" || Array.isArray(args))) {
    throw invalidRequest("arguments is not an object.");
  }
  return { name: called, arguments: args, dialect: tool === undefined ? "name" : "tool" };
}

function invalidRequest(message: string): AppError {
  return new AppError("INVALID_REQUEST", message, {
    hint: 'Send {"name": "<tool>", "arguments": {…}}; GET /tools lists the tools.',
  });
}

interface ListedTool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: object;
  /** The same: one earlier system called it so. */
  readonly parameters: object;
  readonly annotations: object;
}

const listed = new Map<Scope, readonly ListedTool[]>();

/** Made once per isolate and scope: it costs milliseconds. */
function listFor(granted: Scope): readonly ListedTool[] {
  let list = listed.get(granted);
  if (list === undefined) {
    list = toolsOf("mcp", granted).map((tool) => {
      const schema = inputJsonSchema(tool);
      return {
        name: tool.name,
        title: tool.title,
        description: tool.description,
        inputSchema: schema,
        parameters: schema,
        annotations: tool.annotations,
      };
    });
    listed.set(granted, list);
  }
  return list;
}

for (const path of ["/tools", "/mcp/tools"]) {
  bridge.get(path, async (c) => {
    const principal = await authenticate(c.req.raw.headers, c.get("settings"));
    const tools = listFor(highestScope(principal));
    return c.json({ ok: true, request_id: c.get("requestId"), count: tools.length, tools });
  });
}
