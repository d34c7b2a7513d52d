import { z } from "zod";
import { jobStates, phaseSchema } from "../jobs/state.ts";
import { defineTool } from "./define-tool.ts";
import { lossValue } from "./job-view.ts";
import { projectPath, runId, runStatus, stage } from "./llm-fields.ts";
import { agent, count, instant, maybe, observation } from "./vocabulary.ts";

export const monitorTrainingProgress = defineTool({
  name: "monitor-training-progress",
  title: "Monitor training progress",
  description:
    "Returns where a language-model run stands: status, stage, iteration, loss, speed, expected end. It answers with the box off too.",
  input: z.strictObject({ project_path: projectPath, run_id: runId, agent }),
  output: z.object({
    run_id: z.string(),
    status: runStatus,
    current_stage: stage.nullable(),
    current_iteration: count,
    total_iterations: count.nullable(),
    progress_percentage: z.number().min(0).max(100),
    metrics: z.object({
      train_loss: lossValue,
      learning_rate: z.number().nullable(),
      tokens_per_second: z.number().nullable(),
      eval_loss: lossValue,
    }),
    carbon_emissions_kg: z.number().nullable(),
    carbon_note: maybe(z.string()).describe("Why there is no figure."),
    estimated_completion_time: maybe(instant),
    job_id: maybe(z.string()),
    state: maybe(z.enum(jobStates)),
    phase: maybe(phaseSchema),
    queue_position: maybe(z.int().min(1)),
    failure: maybe(z.object({ code: z.string(), message: z.string(), fix: z.string() })),
    ...observation,
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
  llm: "only",
});
