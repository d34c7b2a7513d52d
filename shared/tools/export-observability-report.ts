import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import {
  count,
  detail,
  expiresInSeconds,
  instant,
  jobId,
  maybe,
  nameOrPath,
} from "./vocabulary.ts";

export const reportFormats = ["json", "markdown", "html"] as const;
export type ReportFormat = (typeof reportFormats)[number];

const file = z.object({
  format: z.enum(reportFormats),
  size: count,
  filename: z.string().optional(),
  media_type: z.string().optional(),
  download_url: z.string().optional(),
  path: maybe(z.string()).describe("Where it was written on the box."),
  content: z.string().optional().describe("Over HTTP, in full detail."),
});
export type ReportFileView = z.input<typeof file>;

export const exportObservabilityReport = defineTool({
  name: "export-observability-report",
  title: "Export observability report",
  description:
    "A job's report as JSON, Markdown and an HTML page with charts, by short-lived links that need no token; with output_dir also as new files below outputs/reports on the box.",
  input: z.strictObject({
    job_id: jobId,
    formats: z
      .array(z.enum(reportFormats))
      .min(1)
      .max(3)
      .default([...reportFormats]),
    output_dir: z.string().min(1).max(300).optional(),
    filename_prefix: z.string().min(1).max(64).default("observability"),
    include_evaluation: z.boolean().default(true),
    include_dataset: z.boolean().default(true),
    include_nlp: z.boolean().default(true),
    include_raw_log_excerpt: z.boolean().default(false),
    config_name: nameOrPath.optional(),
    dataset_path: nameOrPath.optional(),
    lines: z.int().min(100).max(20_000).default(800),
    max_dataset_files: z.int().min(100).max(50_000).default(2_000),
    expires_in_seconds: expiresInSeconds,
    detail,
  }),
  output: z.object({
    success: z.boolean(),
    job_id: z.string(),
    generated_at: instant,
    overall_health: z.string(),
    alert_count: count,
    evaluation_score: z.number().nullable(),
    download_url: z.string().describe("Its last part is the format."),
    files: z.array(file),
    expires_at: instant,
    output_dir: z.string().nullable(),
    json_report_path: maybe(z.string()),
    markdown_report_path: maybe(z.string()),
    html_report_path: maybe(z.string()),
    json_path: maybe(z.string()),
    markdown_path: maybe(z.string()),
    note: maybe(z.string()),
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
});
