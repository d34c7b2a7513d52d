import { z } from "zod";
import { routeView } from "./alert-route-view.ts";
import { defineTool } from "./define-tool.ts";
import { count, detail, maybe } from "./vocabulary.ts";

export const listAlertRoutes = defineTool({
  name: "list-alert-routes",
  title: "List alert routes",
  description:
    "Lists the standing alert routes, whether each is on, and how many deliveries wait or are dead. Secrets are not shown. Changes nothing.",
  input: z.strictObject({ detail }),
  output: z.object({
    routes: z.array(routeView),
    count,
    truncated: maybe(z.boolean()),
  }),
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "read",
  runsOn: "edge",
  core: false,
});
