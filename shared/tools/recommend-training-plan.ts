import { z } from "zod";
import { datasetAnalysis } from "./dataset-view.ts";
import { defineTool } from "./define-tool.ts";
import {
  count,
  detail,
  finding,
  instant,
  jsonDocument,
  maybe,
  nameOrPath,
  observation,
} from "./vocabulary.ts";

const source = z.enum(["own_jobs", "static_table", "unknown"]);
const verdict = z.enum(["fits", "tight", "does_not_fit", "unknown"]);

const profile = z.object({
  profile: z.enum(["fast", "balanced", "quality"]),
  model_name: z.string().optional(),
  resolution: count,
  batch_size: count,
  learning_rate: z.number(),
  steps: count,
  rank: count,
  alpha: count,
  low_vram: z.boolean(),
  quantize: z.boolean(),
  estimated_minutes: z.number().nullable(),
  memory_mb: maybe(z.number()),
  fits: verdict,
  clipped: z.boolean().optional().describe("The time budget cut it."),
  within_budget: maybe(z.boolean()),
});

const memory = z.object({
  memory_source: source,
  needed_mb: z.number().nullable(),
  uncertainty_pct: maybe(z.number()),
  available_mb: z.number().nullable(),
  verdict,
  job_ids: z.array(z.string()),
  proven_by: maybe(z.string()).describe("A job of at least this load completed on this card."),
  refuted_by: maybe(z.string()).describe("A job of at most this load ran out of memory on it."),
});

const fit = z.object({
  resolution: count,
  batch_size: count,
  rank: count,
  low_vram: z.boolean(),
  quantize: z.boolean(),
  memory,
  /** Null: nothing that may be changed makes it fit. */
  cheapest_change: z
    .array(
      z.object({
        parameter: z.string(),
        from: z.union([z.number(), z.boolean()]),
        to: z.union([z.number(), z.boolean()]),
      }),
    )
    .nullable(),
  then_needed_mb: z.number().nullable(),
});

const plan = z.object({
  plan_version: z.string(),
  goal_profile: z.enum(["style", "character", "object", "general"]),
  model_family: z.string().nullable(),
  is_flux_model: z.boolean(),
  confidence: z.number(),
  confidence_parts: z.record(z.string(), z.number()).optional(),
  recommended_plan: profile,
  alternative_plans: z.array(profile).optional(),
  memory,
  speed: z.object({
    speed_source: source,
    steps_per_second: z.number().nullable(),
    uncertainty_pct: maybe(z.number()),
    job_ids: z.array(z.string()),
    overhead_ratio: z.number().optional(),
  }),
  wanted: fit.optional().describe("The family's own resolution, and what makes it fit."),
  config_fit: maybe(fit).describe("The saved config as it stands."),
  would_fit: z
    .array(z.object({ model_name: z.string(), resolution: count, memory_mb: z.number() }))
    .optional(),
  assumptions: z
    .object({
      dataset_images: count.nullable(),
      caption_coverage_pct: z.number().nullable(),
      target_vram_gb: z.number(),
      vram_source: z.enum(["argument", "box", "assumed"]),
      time_budget_minutes: z.number().nullable(),
      throughput_steps_per_min: z.number().nullable(),
    })
    .optional(),
  warnings: z.array(z.string()),
  findings: z.array(finding).optional().describe("The warnings with code and fix."),
  rationale: z.array(z.string()).optional(),
});

export const recommendTrainingPlan = defineTool({
  name: "recommend-training-plan",
  title: "Recommend a plan",
  description:
    "Plans a LoRA training, with memory and time by this box's past jobs. Changes nothing.",
  input: z.strictObject({
    goal: z.string().max(2_000).optional(),
    model_name: z.string().min(1).max(500).optional(),
    dataset_path: nameOrPath.optional(),
    config_name: nameOrPath.optional(),
    time_budget_minutes: z.number().min(1).max(1_000_000).optional(),
    target_vram_gb: z.number().min(1).max(1_000_000).optional(),
    include_dataset_scan: z.boolean().default(true),
    /** As elsewhere; the bounds and the words are left out because every core client pays for the list. */
    max_dataset_files: z.int().min(1).max(1_000_000).default(2_000),
    /** With detail full: the whole training guide, for clients that know no resources. */
    include_guide: z.boolean().default(false),
    agent: z.string().min(1).max(100).optional(),
    detail,
  }),
  output: z.object({
    generated_at: instant,
    inputs: jsonDocument.optional(),
    context: z
      .object({
        config_name: z.string().nullable(),
        config_source: z.enum(["saved_config", "argument", "heuristic_default"]),
        dataset_source: z.enum(["argument", "config"]).nullable(),
        max_dataset_files: count,
      })
      .optional(),
    dataset_analysis: datasetAnalysis.optional(),
    system_snapshot: z
      .object({
        gpu_name: z.string().nullable(),
        gpu_memory_total: z.number().nullable(),
        agent_id: z.string().nullable(),
        own_jobs: count,
        ...observation,
      })
      .optional(),
    plan,
    next_actions: z.array(z.string()).optional(),
    guide: z.string().optional().describe("Markdown."),
    next_call: z.object({ tool: z.string(), arguments: jsonDocument }).nullable(),
  }),
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "read",
  runsOn: "edge",
  core: true,
});
