import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { detail, instant, jsonDocument, nameOrPath } from "./vocabulary.ts";

export const getConfig = defineTool({
  name: "get-config",
  title: "Get config",
  description:
    "Returns a saved training config as document and YAML. What a job really ran with is in get-training-status, detail full. Changes nothing.",
  input: z.strictObject({ name: nameOrPath, detail }),
  output: z.object({
    name: z.string(),
    config: jsonDocument.optional(),
    yaml: z.string().optional(),
    trainer: z.string(),
    updated_at: instant,
    origin: z.enum(["edge"]),
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
