import { SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import { toolsetPaths } from "@trainyard/shared/tools/toolsets.ts";
import { capabilities } from "../mcp/server.ts";
import { authenticate, highestScope } from "./auth.ts";
import type { Door } from "./door.ts";
import openApi from "../../schemas/openapi.json" with { type: "json" };
import { listFor } from "./tool-list.ts";
import { version } from "./version.ts";

/** What programs read to find the rest. Nothing here tells whose Trainyard it is, so no token is asked for it. */
export const discovery = new Hono<Door>();

/** A string once: 100 KB are not serialised at each request. */
let openApiText: string | null = null;

discovery.get("/openapi.json", (c) => {
  openApiText ??= JSON.stringify(openApi);
  return c.body(openApiText, 200, {
    "content-type": "application/json",
    "cache-control": "public, max-age=300",
  });
});

/** Revisions of MCP that the door speaks, newest first. */
const protocolVersions = ["2026-07-28", ...SUPPORTED_PROTOCOL_VERSIONS];

const offered = {
  tools: true,
  prompts: "prompts" in capabilities,
  resources: "resources" in capabilities,
};

/** The earlier system's document (peers 4.2), and beside it the one address that matters. `mcp_version` is its own version. */
discovery.get("/.well-known/mcp", (c) =>
  c.json({
    ok: true,
    request_id: c.get("requestId"),
    mcp_version: "1.0",
    protocol_versions: protocolVersions,
    server_name: "trainyard",
    server_version: version,
    capabilities: offered,
    mcp_url: `${c.get("origin")}/mcp`,
    transport: "streamable-http",
    authentication: { type: "bearer", headers: ["Authorization", "X-API-Key"] },
    endpoints: {
      ...Object.fromEntries(
        toolsetPaths.map(({ path }) => [path.slice(1).replaceAll("/", "_"), path]),
      ),
      tools: "/mcp/tools",
      execute: "/mcp/execute",
      initialize: "/mcp/initialize",
      capabilities: "/mcp/capabilities",
      openapi: "/openapi.json",
      health: "/health",
    },
  }),
);

/** What an older client asks first. There are no sessions, so the id is this request's and nobody looks at it again. */
discovery.post("/mcp/initialize", async (c) => {
  await authenticate(c.req.raw.headers, c.get("settings"));
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    session_id: c.get("requestId"),
    server: { name: "trainyard", version },
    capabilities: offered,
  });
});

discovery.get("/mcp/capabilities", async (c) => {
  const principal = await authenticate(c.req.raw.headers, c.get("settings"));
  const list = listFor(highestScope(principal)).map(({ name }) => name);
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    capabilities: {
      tools: { list, count: list.length },
      prompts: { supported: offered.prompts },
      resources: { supported: offered.resources },
    },
  });
});

/** An event stream or a message at this address goes to /mcp (earlier-paths). */
discovery.get("/messages", (c) =>
  c.json({
    ok: true,
    request_id: c.get("requestId"),
    protocol: "mcp",
    version: "1.0",
    server: { name: "trainyard", version, description: "Trains models on your own GPU." },
    transport: { type: "streamable-http", endpoint: "/messages" },
  }),
);
