import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { jobView } from "./job-view.ts";
import { projectPath, runId, stage } from "./llm-fields.ts";
import { agent, confirmedName, gpu, idempotencyKey, maybe, nameOrPath } from "./vocabulary.ts";

export const startTraining = defineTool({
  name: "start-training",
  title: "Start training",
  description:
    "Starts a saved config, or a run of a language-model project, as a job and returns its id at once; a busy GPU or offline box queues it. run-training-with-guardrails also validates first and watches.",
  input: z.strictObject({
    config_name: nameOrPath.optional(),
    project_path: projectPath.optional(),
    run_id: runId.optional(),
    stage: stage.optional().describe("Default: all that are configured."),
    async_mode: z.boolean().optional().describe("False waits for the end."),
    agent,
    gpu,
    idempotency_key: idempotencyKey,
    confirm: confirmedName,
    force_new: z
      .boolean()
      .optional()
      .describe("Even when the same start was made within a minute."),
  }),
  output: jobView.extend({
    success: z.boolean(),
    started: z.boolean(),
    queued: z.boolean(),
    position: maybe(z.int().min(1)).describe("Place in the queue."),
    estimated_time: maybe(z.number()).describe("Seconds the whole job takes."),
    message: z.string().optional(),
    duplicate: z.boolean().describe("The same start was made before; this is its job."),
    run_id: z.string().optional(),
    training_started: z.boolean().optional(),
    estimated_duration_minutes: maybe(z.int().min(0)),
    log_file: z.string().optional(),
    monitor_command: z.string().optional(),
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
  llm: {
    llm: {
      own: ["project_path", "run_id", "stage", "async_mode"],
      required: ["project_path", "run_id"],
    },
    pictures: { own: ["config_name"], required: ["config_name"] },
  },
});
