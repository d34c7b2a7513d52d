import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, count, detail, instant, maybe, nameOrPath } from "./vocabulary.ts";

/** Three tools of the earlier systems had this name; what is given tells which of them is meant. */
export const getTrainingInfo = defineTool({
  name: "get-training-info",
  title: "Get training info",
  description:
    "Shows what a config trains; without a name totals of jobs, configs, datasets and models, and what can be trained here. Changes nothing.",
  input: z.strictObject({ name: nameOrPath.optional().describe("A config's."), agent, detail }),
  output: z.object({
    about: z.enum(["config", "overview"]),
    name: z.string().optional(),
    trainer: z.string().optional(),
    trigger_word: maybe(z.string()),
    model_name: maybe(z.string()),
    dataset_path: maybe(z.string()),
    resolution: z.array(z.number()).optional(),
    steps: maybe(z.number()),
    rank: maybe(z.number()),
    alpha: maybe(z.number()),
    learning_rate: maybe(z.number()),
    test_prompts: z.array(z.string()).optional(),
    total_jobs: count.optional(),
    active_jobs: count.optional(),
    configs: count.optional(),
    datasets: maybe(count).describe("Null: no box could say."),
    models: maybe(count),
    supported_models: z.array(z.string()).optional(),
    max_resolution: count.optional(),
    gpu_info: z
      .array(
        z.object({
          agent_id: z.string(),
          index: count,
          name: z.string(),
          memory_total_mb: count,
        }),
      )
      .optional(),
    training_presets: z.array(z.string()).optional(),
    observed_at: maybe(instant),
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
