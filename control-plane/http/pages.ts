import { Hono } from "hono";
import { toolsetPaths } from "@trainyard/shared/tools/toolsets.ts";
import type { Door } from "./door.ts";
import { addresses, frontPage } from "./front-page.ts";
import { pageResponse } from "./page.ts";
import { version } from "./version.ts";
import { wantsPage } from "./wants-page.ts";
import { welcomePage } from "./welcome-page.ts";

/** What a browser is shown. They tell nothing that is anybody's, so they need no token. */
export const pages = new Hono<Door>();

pages.get("/", async (c) => {
  const origin = c.get("origin");
  if (wantsPage(c)) return pageResponse(frontPage(origin));
  c.header("vary", "accept");
  return c.json({
    ok: true,
    request_id: c.get("requestId"),
    service: "trainyard",
    version,
    mcp_url: `${origin}/mcp`,
    endpoints: Object.fromEntries(addresses.map(({ path, what }) => [path, what])),
  });
});

for (const { path } of toolsetPaths) {
  pages.get(path, async (c, next) => {
    if (!wantsPage(c)) return next();
    return pageResponse(welcomePage(c.get("origin") + path));
  });
}
