import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { configOrigins } from "../protocol/operations/configs.ts";
import { connectivity, detail, instant, jsonDocument, maybe, nameOrPath } from "./vocabulary.ts";

export const getConfig = defineTool({
  name: "get-config",
  title: "Get config",
  description:
    "Returns a config, saved or a file of the box, as document and YAML. What a job really ran with is in get-training-status, detail full. Changes nothing.",
  input: z.strictObject({ name: nameOrPath, detail }),
  output: z.object({
    name: z.string(),
    config: jsonDocument.optional(),
    yaml: z.string().optional(),
    trainer: z.string(),
    updated_at: instant,
    origin: z.enum(configOrigins),
    path: z.string(),
    agent_id: maybe(z.string()),
    observed_at: maybe(instant),
    connectivity: connectivity.optional(),
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
