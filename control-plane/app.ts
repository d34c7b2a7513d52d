import { Hono } from "hono";
import { AppError } from "@trainyard/shared/errors.ts";
import { agentSocket } from "./http/agent-socket.ts";
import { bridge } from "./http/bridge.ts";
import { discovery } from "./http/discovery.ts";
import { pathOf } from "./http/earlier-paths.ts";
import { files } from "./http/files.ts";
import { guard } from "./http/guard.ts";
import { health } from "./http/health.ts";
import { mcpDoor } from "./http/mcp.ts";
import { metrics } from "./http/metrics.ts";
import { pages } from "./http/pages.ts";
import { rateLimit } from "./http/rate-limit.ts";
import { refuseOtherMethods, type Door } from "./http/door.ts";
import { requestId } from "./http/request-id.ts";
import { errorResponse } from "./http/responses.ts";
import { webhooks } from "./http/webhooks.ts";
import type { McpOffer } from "./mcp/offer.ts";
import { productOffer } from "./mcp/product-offer.ts";

/** Composition only: what stands in front of every door, then the doors. */
export function createApp(offer: McpOffer): Hono<Door> {
  const app = new Hono<Door>({ getPath: pathOf });
  app.use(requestId);
  app.use(guard);
  app.use(rateLimit);
  // The pages before MCP: at its addresses a browser is shown how to connect, everyone else goes on.
  const mcp = mcpDoor(offer);
  for (const door of [
    health,
    pages,
    discovery,
    bridge,
    metrics,
    mcp,
    agentSocket,
    files,
    webhooks,
  ]) {
    app.route("/", door);
  }
  refuseOtherMethods(app);
  app.notFound((c) =>
    errorResponse(
      new AppError("NOT_FOUND", "There is nothing at this address.", {
        hint: "The MCP server is at /mcp, the HTTP bridge at POST /mcp/tool, the list of tools at GET /tools, all of it in /openapi.json.",
      }),
      c.get("requestId"),
    ),
  );
  app.onError((error, c) => errorResponse(error, c.get("requestId"), c.req.path));
  return app;
}

export const app = createApp(productOffer);
