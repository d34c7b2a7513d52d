import { z } from "zod";
import { deliveryView, routeName } from "./alert-route-view.ts";
import { defineTool } from "./define-tool.ts";

export const testAlertRoute = defineTool({
  name: "test-alert-route",
  title: "Test alert route",
  description:
    "Sends one test alert over a standing route, past its filters, and says how the first attempt went.",
  input: z.strictObject({ name: routeName }),
  output: z.object({
    success: z.boolean(),
    delivery: deliveryView,
    message: z.string(),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: true,
  },
  scope: "train",
  runsOn: "edge",
  core: false,
});
