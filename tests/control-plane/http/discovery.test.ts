import { tools } from "@trainyard/shared/tools/registry.ts";
import { toolsetPaths, toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import { describe, expect, it } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { app } from "../../../control-plane/app.ts";
import { createYard, rpc } from "../support/yard.ts";

const yard = await createYard();

async function get(path: string, token: string | null = null) {
  const response = await yard.fetch(path, {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  });
  return { status: response.status, body: (await response.json()) as Record<string, any> };
}

describe("GET /openapi.json", () => {
  it("describes every address there is, by its method, and no other", async () => {
    const { body } = await get("/openapi.json");
    const described = new Set<string>();
    for (const [path, item] of Object.entries(body["paths"] as Record<string, object>)) {
      for (const method of Object.keys(item)) {
        const route = path.replace(/^\/tools\/[a-z-]+\/call$/, "/tools/{name}/call");
        described.add(`${method.toUpperCase()} ${route}`);
      }
    }
    const served = new Set<string>();
    for (const { method, path } of app.routes) {
      if (method === "ALL") continue;
      served.add(`${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    }
    // MCP takes every method itself; what a browser gets at its narrower addresses is the page of /mcp.
    const toolsets = toolsetPaths.map(({ path }) => path);
    for (const path of [...toolsets, "/messages", "/mcp/rpc"]) served.add(`POST ${path}`);
    for (const path of toolsets.slice(1)) served.delete(`GET ${path}`);

    expect([...described].sort()).toEqual([...served].sort());
    expect(body["info"].version).toBe(manifest.version);
    expect(body["servers"]).toEqual([{ url: "/" }]);
  });

  it("has an operation for each tool, and needs no token", async () => {
    const { status, body } = await get("/openapi.json");

    expect(status).toBe(200);
    for (const { name } of tools) expect(body["paths"]).toHaveProperty([`/tools/${name}/call`]);
  });
});

describe("GET /.well-known/mcp", () => {
  it("says where MCP is, and every address it names is there", async () => {
    const { status, body } = await get("/.well-known/mcp");

    expect(status).toBe(200);
    expect(body).toMatchObject({
      mcp_version: "1.0",
      server_name: "trainyard",
      server_version: manifest.version,
      capabilities: { tools: true },
      mcp_url: "http://yard.test/mcp",
    });
    expect(body["protocol_versions"][0]).toBe("2026-07-28");
    for (const path of Object.values(body["endpoints"] as Record<string, string>)) {
      expect((await yard.fetch(path)).status, path).not.toBe(404);
    }
  });

  it("tells nothing of OAuth, because a client that finds it ignores the token it was given", async () => {
    const { body } = await get("/.well-known/mcp");

    expect(JSON.stringify(body)).not.toMatch(/oauth/i);
    expect((await get("/.well-known/oauth-protected-resource")).status).toBe(404);
    expect((await get("/.well-known/oauth-authorization-server")).status).toBe(404);
  });
});

describe("what an older client asks first", () => {
  it("POST /mcp/initialize gives a session id, the server and its capabilities", async () => {
    const ask = (token: string) =>
      yard.fetch("/mcp/initialize", {
        method: "POST",
        headers: { "x-api-key": token },
        body: "{}",
      });
    const response = await ask(yard.tokens.read);

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      session_id: expect.any(String) as string,
      server: { name: "trainyard", version: manifest.version },
      capabilities: { tools: true },
    });
    expect((await ask("wrong")).status).toBe(401);
  });

  it("GET /mcp/capabilities lists the tools of the token", async () => {
    const { body } = await get("/mcp/capabilities", yard.tokens.read);
    const names = tools.filter(({ scope }) => scope === "read").map(({ name }) => name);

    expect(body["capabilities"].tools).toEqual({ list: names, count: names.length });
    expect((await get("/mcp/capabilities")).status).toBe(401);
  });

  it("GET /messages says what speaks there", async () => {
    expect((await get("/messages")).body).toMatchObject({
      protocol: "mcp",
      server: { name: "trainyard" },
      transport: { type: "streamable-http", endpoint: "/messages" },
    });
  });

  it("and refuses a stream there as MCP does", async () => {
    const response = await yard.fetch("/messages", {
      headers: { accept: "text/event-stream", authorization: `Bearer ${yard.tokens.read}` },
    });

    expect(response.status).toBe(405);
  });

  it.each(["/messages", "/mcp/rpc"])("POST %s is MCP", async (path) => {
    const list = await rpc(yard, path, "tools/list");
    const call = await rpc(yard, path, "tools/call", { name: "list-configs", arguments: {} });

    expect(list["result"].tools).toHaveLength(toolsOf("mcp").length);
    expect(call["result"].structuredContent).toMatchObject({ count: 0 });
    expect((await yard.fetch(path, { method: "POST", body: "{}" })).status).toBe(401);
  });
});
