import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { rankingView, skippedRun } from "./report-view.ts";
import { count, detail, instant, jobId, jsonDocument, maxDatasetFiles } from "./vocabulary.ts";

export const compareTrainingRuns = defineTool({
  name: "compare-training-runs",
  title: "Compare training runs",
  description:
    "Ranks jobs (default: the newest) by convergence, stability, speed and dataset, with the distance to the winner. Those with too little evidence are skipped.",
  input: z.strictObject({
    job_ids: z.array(jobId).min(1).max(50).optional(),
    limit: z.int().min(1).max(50).default(5).describe("Without job_ids."),
    only_terminal_runs: z.boolean().default(false),
    include_dataset: z.boolean().default(true),
    include_nlp: z.boolean().default(false),
    log_lines: z.int().min(100).max(20_000).default(800),
    max_dataset_files: maxDatasetFiles,
    detail,
  }),
  output: z.object({
    generated_at: instant,
    inputs: jsonDocument.optional(),
    compared_count: count,
    skipped_runs: z.array(skippedRun),
    ranking: rankingView,
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
