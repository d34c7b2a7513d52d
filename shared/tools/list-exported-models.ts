import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, count, detail, instant, maybe, observation } from "./vocabulary.ts";

const modelRow = z.object({
  name: z.string(),
  path: z.string().describe('Virtual: "outputs/…".'),
  job_name: z.string().nullable(),
  job_id: z.string().nullable(),
  size: count,
  size_mb: z.number().optional(),
  extension: z.string(),
  sha256: maybe(z.string()),
  valid: z.boolean().describe("Header and length check out."),
  step: z.int().nullable(),
  modified_at: instant,
});
export type ModelRow = z.input<typeof modelRow>;

export const listExportedModels = defineTool({
  name: "list-exported-models",
  title: "List models",
  description:
    "Lists the model files in a box's outputs, newest first, each valid or not. To fetch one use create-download-link. Changes nothing.",
  input: z.strictObject({ agent, limit: z.int().min(1).max(500).default(50), detail }),
  output: z.object({
    models: z.array(modelRow),
    count,
    truncated: maybe(z.boolean()),
    ...observation,
  }),
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "read",
  runsOn: "agent",
  core: false,
});
