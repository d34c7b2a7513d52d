import { z } from "zod";
import { gateInput, minSeverity, routeName, routeView, sink } from "./alert-route-view.ts";
import { defineTool } from "./define-tool.ts";
import { agent, jobId } from "./vocabulary.ts";

export const setAlertRoute = defineTool({
  name: "set-alert-route",
  title: "Set alert route",
  description:
    "Makes or changes a standing route for every new alert, job end, silent box and stuck queue, retried for three days. file is on the box, timeline in the job. A new webhook's signing secret is shown once.",
  input: z.strictObject({
    name: routeName,
    sink,
    destination: z
      .string()
      .max(3_000)
      .optional()
      .describe("https URL, or a file name; without it a known one stays."),
    secret: z.string().max(300).optional().describe("whsec_ secret, or ntfy access token."),
    min_severity: minSeverity.default("info"),
    job_id: jobId.optional(),
    codes: z.array(z.string().max(64)).max(50).optional(),
    agent,
    ...gateInput,
  }),
  output: z.object({
    route: routeView,
    created: z.boolean(),
    secret: z.string().optional(),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: true,
  },
  scope: "admin",
  runsOn: "edge",
  core: false,
});
