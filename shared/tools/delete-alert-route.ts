import { z } from "zod";
import { routeName } from "./alert-route-view.ts";
import { defineTool } from "./define-tool.ts";
import { count } from "./vocabulary.ts";

export const deleteAlertRoute = defineTool({
  name: "delete-alert-route",
  title: "Delete alert route",
  description:
    "Deletes a standing alert route and its secret. What still waits for it is not sent.",
  input: z.strictObject({ name: routeName }),
  output: z.object({
    name: z.string(),
    deleted: z.boolean().describe("False when there was none."),
    pending_dropped: count,
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "admin",
  runsOn: "edge",
  core: false,
});
