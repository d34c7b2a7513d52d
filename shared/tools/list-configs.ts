import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { configOrigins } from "../protocol/operations/configs.ts";
import { connectivity, count, detail, instant, maybe } from "./vocabulary.ts";

const configRow = z.object({
  name: z.string(),
  trainer: z.string().nullable(),
  model: z.string().nullable(),
  dataset_path: z.string().nullable(),
  steps: count.nullable(),
  updated_at: instant,
  origin: z.enum(configOrigins).describe("edge: saved here."),
  path: z.string(),
  agent_id: maybe(z.string()),
  observed_at: maybe(instant),
  connectivity: connectivity.optional(),
  problem: maybe(z.string()).describe("Why it cannot be read."),
});

export const listConfigs = defineTool({
  name: "list-configs",
  title: "List configs",
  description:
    "Lists saved training configs and config files of the boxes; full adds model, dataset, steps, origin. For one document use get-config. Changes nothing.",
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
