import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { jobView } from "./job-view.ts";
import { count, jobId, maybe } from "./vocabulary.ts";

export const stopTraining = defineTool({
  name: "stop-training",
  title: "Stop training",
  description:
    "Stops a job, or takes it out of the queue, after saving a checkpoint; mode now drops the steps since the last one. A job that has ended stays as it is.",
  input: z.strictObject({
    job_id: jobId,
    mode: z.enum(["checkpoint", "now"]).default("checkpoint"),
    reason: z.string().max(500).optional(),
  }),
  output: jobView.extend({
    success: z.boolean(),
    already_ended: z.boolean(),
    message: z.string(),
    steps_since_checkpoint: maybe(count),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "edge",
  core: true,
  llm: "too",
});
