import { Hono } from "hono";
import { protocolVersion } from "@trainyard/shared/protocol/version.ts";
import { authenticate } from "./auth.ts";
import type { Door } from "./door.ts";
import { version } from "./version.ts";

export const health = new Hono<Door>();

/** It says that the Worker answers; whether a box does, list-agents says. */
health.get("/health", async (c) => {
  const settings = c.get("settings");
  if (settings.authForHealth) await authenticate(c.req.raw.headers, settings);
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    status: "healthy",
    service: "trainyard",
    /** The same under the word of the other earlier system. */
    server: "trainyard",
    version,
    protocol_version: protocolVersion,
    auth_enabled: true,
  });
});
