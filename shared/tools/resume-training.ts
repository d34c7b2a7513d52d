import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { jobView } from "./job-view.ts";
import { count, jobId, maybe } from "./vocabulary.ts";

export const resumeTraining = defineTool({
  name: "resume-training",
  title: "Resume training",
  description:
    "Goes on with a job that stopped, failed or was interrupted, from its last whole checkpoint, as a new attempt of the same job. With steps it trains further than planned, also a completed job. A job that runs is left alone.",
  input: z.strictObject({
    job_id: jobId,
    steps: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe("New total, more than the job has made."),
  }),
  output: jobView.extend({
    success: z.boolean(),
    resumed: z.boolean().describe("False where it runs or waits already."),
    queued: z.boolean(),
    from_step: maybe(count).describe("Of the last whole checkpoint; null begins anew."),
    message: z.string(),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "edge",
  core: false,
  llm: "too",
});
