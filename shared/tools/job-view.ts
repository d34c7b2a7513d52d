/** How a job looks from outside: one shape for start, status, list and stop. */
import { z } from "zod";
import { evidenceSchema } from "../jobs/failure.ts";
import { jobStates, phaseSchema } from "../jobs/state.ts";
import { guardrailsView } from "./guardrail-options.ts";
import { connectivity, count, instant, maybe, observation, severity } from "./vocabulary.ts";

export const publicStatus = z.enum([
  "queued",
  "running",
  "stopping",
  "completed",
  "stopped",
  "failed",
  "interrupted",
]);

/** JSON has no NaN, and a loss that is none must not look like a missing one. */
export const lossValue = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"])]).nullable();

export const checkpointView = z.object({
  step: count.nullable().describe("Null for the final file."),
  path: z.string(),
  size: count,
  at: maybe(instant),
  valid: maybe(z.boolean()),
});
export type CheckpointView = z.input<typeof checkpointView>;

export const sampleView = z.object({
  step: count,
  index: count,
  path: z.string(),
  size: maybe(count),
  at: maybe(instant),
});
export type SampleView = z.input<typeof sampleView>;

export const alertView = z.object({
  code: z.string(),
  severity,
  category: maybe(z.string()),
  message: z.string(),
  evidence: maybe(evidenceSchema),
  at: maybe(instant),
  step: maybe(count),
  guardrail: z.boolean().optional().describe("It stopped the job."),
  would_stop: z.boolean().optional().describe("It would have, but for a dry run."),
});
export type AlertView = z.input<typeof alertView>;

export const gapView = z.object({
  what: z.enum(["metrics", "log", "samples"]),
  from_step: maybe(count),
  to_step: maybe(count),
  reason: z.string(),
  at: maybe(instant),
});
export type GapView = z.input<typeof gapView>;

export const attemptView = z.object({
  attempt: count,
  state: z.enum(jobStates),
  started_at: maybe(instant),
  ended_at: maybe(instant),
  start_step: maybe(count),
  evidence: maybe(evidenceSchema),
});
export type AttemptView = z.input<typeof attemptView>;

const failureView = z.object({
  code: z.string(),
  message: z.string(),
  fix: z.string(),
  tool: maybe(z.string()).describe("The tool to call next."),
  call: maybe(z.string()).describe("The tool call or command that mends it."),
  evidence: maybe(evidenceSchema),
});
export type FailureView = z.input<typeof failureView>;

const diagnosisView = z.object({
  outcome: z.string(),
  category: z.string(),
  cause: z.string(),
  fix: z.string(),
  call: maybe(z.string()),
  root_cause_line: maybe(z.string()).describe("Text of the log."),
});
export type DiagnosisView = z.input<typeof diagnosisView>;

const modelView = z.object({
  name: z.string(),
  path: z.string(),
  size: count,
  sha256: z.string().nullable(),
  verified: z.boolean(),
});

/** The part that every answer about a job has, also the row of a list. */
const always = {
  job_id: z.string(),
  job_name: z.string(),
  config_name: z.string().nullable(),
  trainer: z.string(),
  agent_id: z.string().nullable(),
  status: publicStatus,
  state: z.enum(jobStates),
  phase: phaseSchema.nullable(),
  observed_at: observation.observed_at,
  connectivity,
  progress: z.number().min(0).max(100),
  current_step: count.nullable(),
  total_steps: count.nullable(),
};

/** Also in a row, where it is known. */
const oftenKnown = {
  loss: lossValue.optional(),
  steps_per_second: maybe(z.number()),
  estimated_time_remaining: maybe(z.number()).describe("Seconds."),
  queue_position: maybe(z.int().min(1)),
  created_at: maybe(instant),
  started_at: maybe(instant),
  ended_at: maybe(instant),
};

const origin = z
  .enum(["trainyard", "ui"])
  .optional()
  .describe("ui: it was made in AI Toolkit's Web UI.");

/** A row of a concise list leaves out what is the same in most rows. */
const rowAlways = {
  ...always,
  trainer: always.trainer.optional(),
  agent_id: always.agent_id.optional(),
  state: always.state.optional(),
  phase: always.phase.optional(),
  observed_at: always.observed_at.optional(),
  connectivity: always.connectivity.optional(),
  config_name: always.config_name.optional(),
};

export const jobRow = z.object({
  ...rowAlways,
  ...oftenKnown,
  config: maybe(z.string()).describe("Same as config_name."),
  speed_string: maybe(z.string()),
  alert_count: count.optional(),
  failure_code: maybe(z.string()),
  origin,
});
export type JobRow = z.input<typeof jobRow>;

export const jobView = z.object({
  ...always,
  ...oftenKnown,
  config: maybe(z.string()).describe("Same as config_name."),
  origin,
  attempt: z.int().min(1).nullable().optional(),
  first_loss: lossValue.optional(),
  learning_rate: maybe(z.number()),
  iter_per_sec: maybe(z.number()).describe("Same as steps_per_second."),
  speed_string: maybe(z.string()),
  info: maybe(z.string()).describe("One sentence about what happens now."),
  eta_at: maybe(instant),
  duration_seconds: maybe(z.number()),
  stop: maybe(
    z.object({
      requested_at: instant,
      by: z.string(),
      mode: maybe(z.string()),
      reason: maybe(z.string()),
    }),
  ),
  failure: maybe(failureView),
  diagnosis: diagnosisView.optional().describe("Of a run that did not fail, and is spoilt."),
  evidence: maybe(evidenceSchema),
  checkpoint_count: count.optional(),
  last_checkpoint: maybe(checkpointView),
  sample_count: count.optional(),
  model: maybe(modelView),
  guardrails: maybe(
    z.object({
      enabled: z.array(z.string()).describe("Rules that stop the job."),
      triggered: z.array(alertView).optional(),
      in_force: maybe(guardrailsView),
      pending: maybe(guardrailsView).describe("Wanted, and not in force yet."),
    }),
  ),
  alert_count: count.optional(),
  gap_count: count.optional(),
});
export type JobView = z.input<typeof jobView>;
