import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { datasetFile, projectPath, runId, runStatus, stage } from "./llm-fields.ts";
import { agent, count, gpu, maybe } from "./vocabulary.ts";

export const evaluateModel = defineTool({
  name: "evaluate-model",
  title: "Evaluate model",
  description:
    "Starts a job that measures a trained language-model run on held-out rows (perplexity, token accuracy) and waits for it. Call again while status is running.",
  input: z.strictObject({
    project_path: projectPath,
    run_id: runId,
    test_dataset: datasetFile.optional().describe("Default: the run's own."),
    stage: stage.optional().describe("Default: the last one trained."),
    gpu,
    agent,
  }),
  output: z.object({
    success: z.boolean(),
    run_id: z.string(),
    stage,
    status: runStatus,
    job_id: z.string(),
    evaluation_results: z
      .object({
        accuracy: z.number(),
        perplexity: z.number().nullable(),
        loss: z.number(),
        custom_metrics: z.record(z.string(), z.number().nullable()),
        notes: z.record(z.string(), z.string()).describe("Why a metric has no value."),
        rows: count,
        tokens: count,
        meets_threshold: z.boolean().nullable(),
      })
      .nullable(),
    results_file: maybe(z.string()),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "edge",
  core: false,
  llm: "only",
});
