import { z } from "zod";
import { datasetAnalysis } from "./dataset-view.ts";
import { defineTool } from "./define-tool.ts";
import { alertView, lossValue, publicStatus } from "./job-view.ts";
import {
  count,
  detail,
  instant,
  jobId,
  maxDatasetFiles,
  maybe,
  nameOrPath,
  observation,
  severity,
} from "./vocabulary.ts";

const timeseriesPoint = z.object({
  timestamp: instant,
  elapsed_seconds: z.number(),
  status: publicStatus,
  current_step: count.nullable(),
  total_steps: count.nullable(),
  progress_pct: z.number().nullable(),
  iter_per_sec: z.number().nullable(),
  speed_status: maybe(z.string()),
  loss_last: lossValue,
  quality_status: maybe(z.string()),
  error_severity: maybe(z.string()),
  error_mentions: maybe(count),
  overall_health: maybe(z.string()),
  alert_count: maybe(count),
  alert_max_severity: maybe(severity),
  gpu_utilization_pct: maybe(z.number()),
  gpu_memory_used_mb: maybe(z.number()),
  gpu_memory_total_mb: maybe(z.number()),
  cpu_percent: maybe(z.number()),
  ram_used_gb: maybe(z.number()),
  ram_total_gb: maybe(z.number()),
  alerts: z.array(alertView).optional(),
  nlp: maybe(
    z.object({ caption_token_diversity: z.number().nullable(), style_flags: z.array(z.string()) }),
  ),
  raw_log_excerpt: maybe(z.string()),
});
export type TimeseriesPoint = z.input<typeof timeseriesPoint>;

const counts = z.record(z.string(), count);

export const watchTrainingTimeseries = defineTool({
  name: "watch-training-timeseries",
  title: "Watch training",
  description:
    "Waits with a job and returns points of step, speed, loss and health, at MCP after 45 seconds at most; call again with the cursor until done: window over or job ended. For one look use get-training-status.",
  input: z.strictObject({
    job_id: jobId,
    cursor: z.string().max(500).optional().describe("From the last answer."),
    duration_seconds: z.int().min(0).max(7_200).default(120).describe("0 is one point."),
    poll_interval_seconds: z.int().min(2).max(300).default(10),
    stop_on_terminal_status: z.boolean().default(true),
    log_lines: z.int().min(100).max(20_000).default(400),
    include_system: z.boolean().default(true),
    include_alerts: z.boolean().default(true),
    include_dataset: z.boolean().default(false),
    include_nlp: z.boolean().default(false),
    dataset_path: nameOrPath.optional(),
    config_name: nameOrPath.optional(),
    max_dataset_files: maxDatasetFiles,
    include_raw_log_excerpt: z.boolean().default(false),
    excerpt_lines: z.int().min(10).max(1_000).default(80),
    detail,
  }),
  output: z.object({
    job_id: z.string(),
    generated_at: instant,
    window: z.object({
      duration_seconds_requested: z.number(),
      poll_interval_seconds: z.number(),
      points_collected: count,
      elapsed_seconds_actual: z.number(),
    }),
    config_context: z
      .object({
        requested_config_name: z.string().nullable(),
        resolved_config_name: z.string().nullable(),
        config_source: z.string().nullable(),
      })
      .optional(),
    dataset_context: z
      .object({
        dataset_path: z.string().nullable(),
        dataset_source: z.string().nullable(),
        dataset_analysis: datasetAnalysis,
      })
      .optional(),
    summary: z.object({
      point_count: count,
      step: z.object({
        start: count.nullable(),
        end: count.nullable(),
        delta: z.number().nullable(),
      }),
      iter_per_sec: z.object({
        mean: z.number().nullable(),
        max: z.number().nullable(),
        trend_pct: z.number().nullable(),
      }),
      loss: z.object({ start: lossValue, end: lossValue, delta_pct: z.number().nullable() }),
      gpu: maybe(
        z.object({ util_mean_pct: z.number().nullable(), memory_peak_mb: z.number().nullable() }),
      ),
      status_counts: counts.optional(),
      health_counts: counts.optional(),
      alerts: maybe(
        z.object({ total_alerts: count, critical_points: count, warning_points: count }),
      ),
    }),
    nlp_summary: z
      .object({
        skipped: z.literal(true).optional(),
        style_flag_counts: counts.optional(),
        caption_token_diversity_mean: maybe(z.number()),
      })
      .optional(),
    points: z.array(timeseriesPoint),
    final_status: publicStatus,
    done: z.boolean(),
    cursor: z.string().nullable(),
    next: maybe(z.string()),
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
  core: true,
});
