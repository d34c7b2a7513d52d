import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, count, detail, instant, maybe, observation } from "./vocabulary.ts";

const comfyModel = z.object({
  name: z.string(),
  path: z.string().describe("On the box; usable as model_name."),
  folder: z.string().describe("Below its root: checkpoints, loras…"),
  size: count,
  size_mb: z.number().optional(),
  extension: z.string(),
  modified_at: maybe(instant),
});
export type ComfyModelRow = z.input<typeof comfyModel>;

export const listComfyuiModels = defineTool({
  name: "list-comfyui-models",
  title: "List ComfyUI models",
  description:
    "Lists model files in the box's ComfyUI folders (COMFYUI_MODEL_ROOTS or its policy). A path or name from here is a model_name elsewhere. Changes nothing.",
  input: z.strictObject({
    query: z.string().max(200).optional().describe("Part of name or path."),
    limit: z.int().min(1).max(500).default(50),
    agent,
    detail,
  }),
  output: z.object({
    models: z.array(comfyModel),
    count,
    truncated: z.boolean(),
    roots: z.array(z.object({ path: z.string(), exists: z.boolean() })),
    skipped_links: maybe(count),
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
