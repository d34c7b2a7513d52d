import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { jobView } from "./job-view.ts";
import { agent, confirmedName, gpu, idempotencyKey, maybe, nameOrPath } from "./vocabulary.ts";

export const startTraining = defineTool({
  name: "start-training",
  title: "Start training",
  description:
    "Starts a saved config as a job and returns its id at once; a busy GPU or offline box queues it. run-training-with-guardrails also validates first and watches.",
  input: z.strictObject({
    config_name: nameOrPath,
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
