import { Hono } from "hono";
import { protocolVersion } from "@trainyard/shared/protocol/version.ts";
import type { Door } from "./door.ts";
import { version } from "./version.ts";

export const health = new Hono<Door>();

health.get("/health", (c) =>
  c.json({
    ok: true,
    request_id: c.get("requestId"),
    status: "healthy",
    service: "trainyard",
    version,
    protocol_version: protocolVersion,
  }),
);
