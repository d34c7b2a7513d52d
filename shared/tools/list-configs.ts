import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { count, detail, instant, maybe } from "./vocabulary.ts";

const configRow = z.object({
  name: z.string(),
  trainer: z.string(),
  model: z.string().nullable(),
  dataset_path: z.string().nullable(),
  steps: count.nullable(),
  updated_at: instant,
  origin: z.enum(["edge"]),
});

export const listConfigs = defineTool({
  name: "list-configs",
  title: "List configs",
  description:
    "Lists the saved training configs; full adds model, dataset, steps. For one document use get-config. Changes nothing.",
  input: z.strictObject({ detail }),
  output: z.object({
    configs: z.array(z.string()),
    items: z.array(configRow).optional(),
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
