import { limits } from "@trainyard/shared/limits.ts";
import { toolListEntries } from "@trainyard/shared/tools/list-entries.ts";
import { toolsetPaths, toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import type { Toolset } from "@trainyard/shared/tools/toolsets.ts";
import { describe, expect, it } from "vitest";
import { instructions } from "../../../control-plane/http/instructions.ts";
import {
  connectClient,
  eras,
  modernHeaders as headers,
  modernMeta as meta,
} from "../support/mcp-client.ts";
import type { Era } from "../support/mcp-client.ts";
import { connectAgent, headOf } from "../support/scripted-agent.ts";
import { createYard, rpc, rpcMessages } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const yard = await createYard();

const listMessage = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };
const list = JSON.stringify(listMessage);
/** A good message but for one byte in a text, which a reader that is not strict takes for U+FFFD. */
const halfLetter = Uint8Array.from(list.replace("list", "l\u00efst"), (letter) =>
  letter.charCodeAt(0),
);

async function post(message: BodyInit | object, more: Record<string, string>) {
  const response = await yard.fetch("/mcp", {
    method: "POST",
    headers: {
      authorization: `Bearer ${yard.tokens.admin}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...more,
    },
    body:
      typeof message === "string" || message instanceof Uint8Array
        ? message
        : JSON.stringify(message),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: (text.startsWith("{") ? JSON.parse(text) : {}) as Record<string, any>,
  };
}

const client = (era: Era, path: string, of: Yard = yard) => connectClient(of, era, path);

describe.each(eras)("a client of the era %s", (_name, era) => {
  it.each(toolsetPaths)("lists at $path what its toolset holds", async ({ path, toolset }) => {
    const made = await client(era, path);
    const { tools } = await made.listTools();
    await made.close();

    expect(tools.map((tool) => tool.name)).toEqual(toolsOf(toolset).map((tool) => tool.name));
    expect(JSON.parse(JSON.stringify(tools)) as unknown).toEqual(
      JSON.parse(JSON.stringify(toolListEntries(toolset))),
    );
  });

  it("reads the instructions and calls a tool", async () => {
    const made = await client(era, "/mcp");
    const result = await made.callTool({ name: "list_configs", arguments: {} });

    expect(made.getInstructions()).toBe(instructions);
    expect(result.isError).not.toBe(true);
    expect(result.structuredContent).toEqual({ configs: [], count: 0 });
    expect(result.content).toEqual([
      { type: "text", text: expect.stringContaining("Next:") as string },
    ]);
    await made.close();
  });

  it("gets a failure as a tool result: code, sentence, hint, and nothing structured", async () => {
    const made = await client(era, "/mcp");
    const result = await made.callTool({ name: "get-config", arguments: { name: "nothing" } });

    expect(result.isError).toBe(true);
    expect(result.structuredContent).toBeUndefined();
    expect((result.content as { text: string }[])[0]?.text).toMatch(
      /^CONFIG_NOT_FOUND: There is no config of that name\. Call list-configs/,
    );
    await made.close();
  });

  it("gets rising progress while it waits when it asked for it", async () => {
    const own = await createYard();
    const agent = await connectAgent(own);
    await own.call("create-training-config", {
      name: "cats",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const job = await own.call("start-training", { config_name: "cats" });
    await agent.events(
      job.data["job_id"] as string,
      [{ kind: "state", atMs: 1, state: "running" }],
      {
        state: "running",
      },
    );
    const made = await client(era, "/mcp", own);
    const ticks: number[] = [];
    const result = await made.callTool(
      {
        name: "watch-training-timeseries",
        arguments: { job_id: job.data["job_id"], duration_seconds: 4, poll_interval_seconds: 2 },
      },
      { onprogress: (progress) => ticks.push(progress.progress) },
    );

    expect(ticks.length).toBeGreaterThanOrEqual(2);
    expect(ticks).toEqual([...new Set(ticks)].sort((a, b) => a - b));
    expect(result.structuredContent).toMatchObject({ done: true, final_status: "running" });
    expect(agent.watched).toContain(job.data["job_id"]);
    await made.close();
  }, 15_000);
});

describe("the 2026-07-28 era on the wire", () => {
  it("has what its list results need", async () => {
    const answer = await rpc(yard, "/mcp", "tools/list", { _meta: meta }, headers("tools/list"));

    expect(answer["result"]).toMatchObject({
      resultType: "complete",
      ttlMs: 300_000,
      cacheScope: "private",
    });
  });

  it("discovers the server without a handshake", async () => {
    const answer = await rpc(
      yard,
      "/mcp",
      "server/discover",
      { _meta: meta },
      headers("server/discover"),
    );

    expect(answer["result"]).toMatchObject({ supportedVersions: ["2026-07-28"], instructions });
  });

  it("[B51] refuses a header that says another method or version than the body", async () => {
    const other = { ...meta, "io.modelcontextprotocol/protocolVersion": "2025-11-25" };
    const method = await rpc(yard, "/mcp", "tools/list", { _meta: meta }, headers("tools/call"));
    const version = await rpc(yard, "/mcp", "tools/list", { _meta: other }, headers("tools/list"));

    expect(method["error"]).toMatchObject({ code: -32_020 });
    expect(version["error"]).toMatchObject({ code: -32_020 });
  });

  it("[B51] refuses a version that nobody speaks, with those that are spoken", async () => {
    const version = "1999-01-01";
    const named = { ...meta, "io.modelcontextprotocol/protocolVersion": version };
    const modern = { ...headers("tools/list"), "mcp-protocol-version": version };
    const now = await post({ ...listMessage, params: { _meta: named } }, modern);
    const then = await post(listMessage, { "mcp-protocol-version": version });

    expect([now.status, now.body["error"]]).toEqual([
      400,
      expect.objectContaining({
        code: -32_022,
        data: { supported: ["2026-07-28"], requested: version },
      }),
    ]);
    expect([then.status, then.body["error"].code]).toEqual([400, -32_000]);
    expect(then.body["error"].message).toContain("2025-11-25, 2025-06-18");
  });
});

describe("MCP", () => {
  it("sends no progress to a caller that gave no token", async () => {
    const own = await createYard();
    const agent = await connectAgent(own);
    await own.call("create-training-config", {
      name: "cats",
      model_name: "tiny",
      dataset_path: "cats",
    });
    const job = await own.call("start-training", { config_name: "cats" });
    agent.live(job.data["job_id"] as string, headOf({}));
    const messages = await rpcMessages(own, "/mcp", "tools/call", {
      name: "watch-training-timeseries",
      arguments: { job_id: job.data["job_id"], duration_seconds: 0 },
    });

    expect(messages).toHaveLength(1);
  });

  it.each(toolsetPaths)("at $path asks for a token before anything else", async ({ path }) => {
    for (const method of ["GET", "POST", "DELETE"]) {
      const response = await yard.fetch(path, { method });

      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="trainyard"');
    }
  });

  it.each<[string, BodyInit, number, number, string]>([
    ["above its bound", " ".repeat(limits.mcpBodyBytes + 1), 413, -32_000, "PAYLOAD_TOO_LARGE"],
    ["of several messages", `[${list},${list}]`, 400, -32_600, "INVALID_REQUEST"],
    ["of one message in a list", `[${list}]`, 400, -32_600, "INVALID_REQUEST"],
    ["of no message", "[]", 400, -32_600, "INVALID_REQUEST"],
    ["that is not UTF-8", halfLetter, 400, -32_700, "INVALID_JSON"],
    ["that is not JSON", list.slice(0, -1), 400, -32_700, "INVALID_JSON"],
  ])("[B52] refuses a body %s", async (_what, body, status, code, ours) => {
    for (const version of ["2025-03-26", "2025-11-25", "2026-07-28"]) {
      const answer = await post(body, {
        ...(version === "2026-07-28" ? headers("tools/list") : {}),
        "mcp-protocol-version": version,
      });

      expect([answer.status, answer.body["error"]?.code]).toEqual([status, code]);
      expect(answer.body["error"]).toMatchObject({
        message: expect.stringMatching(`^${ours}: `) as string,
        data: { code: ours },
      });
      expect(answer.body).toMatchObject({ jsonrpc: "2.0", id: null });
    }
  });

  it("has no page and no session", async () => {
    for (const method of ["GET", "DELETE"]) {
      const response = await yard.fetch("/mcp", {
        method,
        headers: { authorization: `Bearer ${yard.tokens.admin}` },
      });

      expect(response.status).toBe(405);
    }
  });

  it("keeps its instructions and lists inside their budgets", () => {
    const tokens = (toolset: Toolset) => JSON.stringify(toolListEntries(toolset)).length / 4;

    expect(instructions.length).toBeLessThanOrEqual(1_200);
    expect(tokens("mcp")).toBeLessThanOrEqual(limits.listTokens);
    expect(tokens("core")).toBeLessThanOrEqual(limits.listTokensCore);
  });
});
