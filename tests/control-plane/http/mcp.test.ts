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

  it("refuses a header that says another method than the body", async () => {
    const answer = await rpc(yard, "/mcp", "tools/list", { _meta: meta }, headers("tools/call"));

    expect(answer["error"]).toMatchObject({ code: -32_020 });
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

  it("refuses a body above its bound", async () => {
    const response = await yard.fetch("/mcp", {
      method: "POST",
      headers: { authorization: `Bearer ${yard.tokens.admin}`, "content-type": "application/json" },
      body: new Uint8Array(limits.mcpBodyBytes + 1).fill(0x20),
    });

    expect(response.status).toBe(413);
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
