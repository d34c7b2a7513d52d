import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { evaluationView, experimentView, runReportView, skippedRun } from "./report-view.ts";
import { detail, instant, jobId, jsonDocument, maxDatasetFiles, maybe } from "./vocabulary.ts";

export const suggestNextExperiment = defineTool({
  name: "suggest-next-experiment",
  title: "Suggest the next experiment",
  description:
    "Proposes one change for the next run, from the best of the given jobs (default: the newest), with its evidence and how to check it.",
  input: z.strictObject({
    job_id: jobId.optional(),
    job_ids: z.array(jobId).min(1).max(50).optional(),
    pass_threshold: z.number().min(0).max(100).default(70),
    include_dataset: z.boolean().default(true),
    include_nlp: z.boolean().default(true),
    log_lines: z.int().min(100).max(20_000).default(1_000),
    max_dataset_files: maxDatasetFiles,
    detail,
  }),
  output: z.object({
    generated_at: instant,
    status: z.enum(["ok", "no_evaluable_candidates"]),
    selected_job_id: z.string().nullable(),
    recommendation: experimentView.nullable(),
    candidate_scores: z.array(
      z.object({
        job_id: z.string(),
        overall_score: z.number(),
        grade: z.string(),
        passed: z.boolean(),
      }),
    ),
    skipped_candidates: z.array(skippedRun),
    requested_job_ids: z.array(z.string()).optional(),
    /** The recommendation once more at the top, as the earlier system's page shows it. */
    recommendation_type: maybe(z.string()),
    parameter: maybe(z.string()),
    selected_evaluation: evaluationView.optional(),
    selected_run_report: runReportView.optional(),
    inputs: jsonDocument.optional(),
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
