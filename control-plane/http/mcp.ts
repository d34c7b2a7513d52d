import { createMcpHandler } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { toolsetPaths } from "@trainyard/shared/tools/toolsets.ts";
import type { McpOffer } from "../mcp/offer.ts";
import { buildServer } from "../mcp/server.ts";
import { authenticate } from "./auth.ts";
import type { Door } from "./door.ts";
import { messageRefusal, readMessage } from "./message-body.ts";

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
      const { raw } = c.req;
      // What is not sent as JSON the SDK refuses by its type.
      const isMessage =
        raw.method === "POST" && /json/i.test(raw.headers.get("content-type") ?? "");
      if (!isMessage) return handler.fetch(raw);
      let parsedBody: unknown;
      try {
        parsedBody = await readMessage(raw);
      } catch (error) {
        if (error instanceof AppError) return messageRefusal(error);
        throw error;
      }
      return handler.fetch(raw, { parsedBody });
    });
  }
  return mcp;
}
