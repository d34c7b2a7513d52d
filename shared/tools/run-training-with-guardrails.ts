import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { guardrailsView, startOptions } from "./guardrail-options.ts";
import { alertView, jobView, publicStatus } from "./job-view.ts";
import { validationReport } from "./validate-training-config.ts";
import {
  agent,
  confirmedName,
  count,
  detail,
  gpu,
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
    "Validates a saved config, starts it and watches the first minutes. Its guardrails act on the box for the job's whole life; dry_run only tells.",
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
      .describe("0 returns at once; at MCP 45 at most."),
    poll_interval_seconds: z.int().min(2).max(300).default(10),
    ...startOptions,
    log_lines: z.int().min(100).max(20_000).default(400),
    agent,
    gpu,
    idempotency_key: idempotencyKey,
    confirm: confirmedName,
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
    guardrails: guardrailsView.optional(),
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
