import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { alertView, jobView, publicStatus } from "./job-view.ts";
import { validationReport } from "./validate-training-config.ts";
import {
  agent,
  count,
  detail,
  idempotencyKey,
  maxDatasetFiles,
  maybe,
  nameOrPath,
} from "./vocabulary.ts";

const guardrailSnapshot = z.object({
  elapsed_seconds: z.number(),
  status: publicStatus,
  current_step: count.nullable(),
  progress_pct: z.number().nullable(),
  iter_per_sec_latest: z.number().nullable(),
  quality_status: maybe(z.string()),
  error_severity: maybe(z.string()),
  triggers: z.array(z.string()),
});
export type GuardrailSnapshot = z.input<typeof guardrailSnapshot>;

export const runStatuses = [
  "started",
  "queued",
  "monitor_window_complete",
  "job_completed",
  "job_failed",
  "job_error",
  "job_stopped",
  "job_interrupted",
  "stopped_by_guardrail",
  "guardrail_triggered_stop_failed",
  "blocked_by_validation",
  "start_failed",
] as const;

export const runTrainingWithGuardrails = defineTool({
  name: "run-training-with-guardrails",
  title: "Run training with guardrails",
  description:
    "Validates a saved config, starts it and watches the first minutes. Guardrails stay with the job for its life. Of the stop_on rules only stop_on_nan acts in this version; the others are recorded with the job.",
  input: z.strictObject({
    config_name: nameOrPath,
    check_dataset: z.boolean().default(true),
    max_dataset_files: maxDatasetFiles,
    block_on_validation_fail: z.boolean().default(true),
    monitor_seconds: z
      .int()
      .min(0)
      .max(3_600)
      .default(120)
      .describe("0 returns at once; MCP returns after 45 at most."),
    poll_interval_seconds: z.int().min(2).max(300).default(10),
    stop_on_nan: z.boolean().default(true),
    nan_threshold: z.int().min(1).max(1_000).default(3).describe("NaN steps before the stop."),
    stop_on_repeated_oom: z.boolean().default(true),
    stop_on_stalled_progress: z.boolean().default(true),
    stop_on_throughput_collapse: z.boolean().default(true),
    oom_threshold: z.int().min(1).max(100).default(3),
    stall_window_seconds: z.int().min(10).max(3_600).default(120),
    min_step_delta: z.int().min(1).max(1_000).default(1),
    throughput_floor_iter_per_sec: z.number().min(0).default(0.02),
    low_speed_consecutive_polls: z.int().min(1).max(20).default(2),
    log_lines: z.int().min(100).max(20_000).default(400),
    agent,
    idempotency_key: idempotencyKey,
    detail,
  }),
  output: z.object({
    started: z.boolean(),
    status: z.enum(runStatuses),
    config_name: z.string(),
    job_id: maybe(z.string()),
    duplicate: z.boolean().optional(),
    error: z
      .object({ code: z.string(), message: z.string(), hint: z.string().optional() })
      .optional(),
    validation: validationReport.optional(),
    guardrails: z
      .object({
        stop_on_nan: z.boolean(),
        nan_threshold: count,
        stop_on_repeated_oom: z.boolean(),
        stop_on_stalled_progress: z.boolean(),
        stop_on_throughput_collapse: z.boolean(),
        oom_threshold: count,
        stall_window_seconds: count,
        min_step_delta: count,
        throughput_floor_iter_per_sec: z.number(),
        low_speed_consecutive_polls: count,
        acting: z.array(z.string()).describe("Codes of the rules that act."),
      })
      .optional(),
    monitor: z
      .object({
        monitor_seconds: z.number(),
        poll_interval_seconds: z.number(),
        snapshot_count: count,
        snapshots: z.array(guardrailSnapshot).optional(),
      })
      .optional(),
    triggered_guardrails: z.array(alertView),
    stop_result: maybe(
      z.object({
        success: z.boolean(),
        status: publicStatus.optional(),
        message: z.string().optional(),
      }),
    ),
    final_status: maybe(publicStatus),
    job: jobView.optional(),
    cursor: maybe(z.string()).describe("For watch-training-timeseries."),
    next: maybe(z.string()),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "edge",
  core: true,
});
