import { z } from "zod";
import { presetGroups } from "../training/presets/preset.ts";
import { defineTool } from "./define-tool.ts";
import { count, detail, jsonDocument, maybe } from "./vocabulary.ts";

const preset = z.object({
  name: z.string(),
  arch: z.string().describe("As create-training-config's arch takes it."),
  group: z.enum(presetGroups),
  model_path: z.string(),
  min_vram_gb: z.number().nullable().describe("Null: nobody says."),
  description: z.string().optional(),
  is_flux: z.boolean().optional(),
  is_xl: z.boolean().optional(),
  is_v3: z.boolean().optional(),
  recommended_resolution: z.array(count).optional(),
  recommended_scheduler: z.string().optional(),
  requires_quantize: z.boolean().optional(),
  min_vram_source: maybe(z.string()),
  gated: maybe(z.boolean()).describe("Its licence is accepted on Hugging Face; null: not said."),
  low_vram: z.boolean().optional(),
  quantize_te: z.boolean().optional(),
  qtype: z.string().optional(),
  qtype_te: z.string().optional(),
  sampler: z.string().optional(),
  timestep_type: z.string().optional(),
  sampling: z
    .object({
      width: count,
      height: count,
      guidance_scale: z.number(),
      sample_steps: count,
      num_frames: count,
      fps: count,
    })
    .optional(),
  settings: jsonDocument.optional().describe("What else it sets, per section of the document."),
  sections: z.array(z.string()).optional().describe("Parts of the form that it has besides."),
  hidden_sections: z.array(z.string()).optional(),
  controls: z.array(z.string()).optional(),
  recovery_qtypes: z.array(z.string()).optional(),
  prompt_tags: z.array(z.string()).optional(),
  side_multiple: maybe(count),
  source: z.enum(["ui", "example", "trainyard"]).optional(),
});
export type PresetView = z.input<typeof preset>;

export const listModelPresets = defineTool({
  name: "list-model-presets",
  title: "List model presets",
  description:
    "Lists the base models that can be trained, with path, arch and what each wants. Changes nothing.",
  input: z.strictObject({
    group: z.enum(presetGroups).optional(),
    query: z.string().max(100).optional().describe("Part of a name, arch or path."),
    detail,
  }),
  output: z.object({
    presets: z.array(preset),
    count: count.describe("That match."),
    total: count,
    truncated: z.boolean(),
    note: maybe(z.string()),
    ai_toolkit_version: maybe(z.string()),
    ai_toolkit_commit: maybe(z.string()),
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
