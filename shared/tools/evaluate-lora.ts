import { z } from "zod";
import { limits } from "../limits.ts";
import { defineTool } from "./define-tool.ts";
import { evaluationView, runReportView } from "./report-view.ts";
import { detail, instant, jobId, jsonDocument, maxDatasetFiles, maybe } from "./vocabulary.ts";

const weight = z.number().min(0).max(limits.rubricWeight).optional();

export const evaluateLora = defineTool({
  name: "evaluate-lora",
  title: "Evaluate a LoRA",
  description:
    "Grades a job A to F, with each component's score and evidence. The unknown does not count; with too little known there is no grade.",
  input: z.strictObject({
    job_id: jobId,
    pass_threshold: z.number().min(0).max(100).default(70),
    rubric_weights: z
      .strictObject({
        convergence: weight,
        stability: weight,
        speed: weight,
        dataset: weight,
        caption_quality: weight,
      })
      .optional(),
    include_dataset: z.boolean().default(true),
    include_nlp: z.boolean().default(true),
    log_lines: z.int().min(100).max(20_000).default(1_000),
    max_dataset_files: maxDatasetFiles,
    detail,
  }),
  output: z.object({
    generated_at: instant,
    job_id: z.string(),
    overall_score: z.number().nullable(),
    grade: z.string().nullable(),
    passed: z.boolean().nullable(),
    evaluation: evaluationView,
    skipped_reason: maybe(z.string()),
    inputs: jsonDocument.optional(),
    run_report: runReportView.optional(),
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
