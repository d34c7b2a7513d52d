import { createMcpHandler } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import { limits } from "@trainyard/shared/limits.ts";
import { toolsetPaths } from "@trainyard/shared/tools/toolsets.ts";
import type { McpOffer } from "../mcp/offer.ts";
import { buildServer } from "../mcp/server.ts";
import { authenticate } from "./auth.ts";
import type { Door } from "./door.ts";

/** Streamable HTTP, stateless: the current revision and the 2025 ones at one address, a fresh server per request. */
export function mcpDoor(offer: McpOffer): Hono<Door> {
  const mcp = new Hono<Door>();
  for (const { path, toolset } of toolsetPaths) {
    mcp.all(path, async (c) => {
      const settings = c.get("settings");
      const principal = await authenticate(c.req.raw.headers, settings);
      const facts = {
        env: c.env,
        settings,
        principal,
        toolset,
        origin: c.get("origin"),
        requestId: c.get("requestId"),
      };
      const handler = createMcpHandler(({ era }) => buildServer({ ...facts, era }, offer), {
        legacy: "stateless",
        responseMode: "auto",
        maxRequestBodySize: limits.mcpBodyBytes,
      });
      return handler.fetch(c.req.raw);
    });
  }
  return mcp;
}
