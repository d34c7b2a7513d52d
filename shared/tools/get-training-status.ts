import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import {
  alertView,
  attemptView,
  checkpointView,
  gapView,
  jobView,
  sampleView,
} from "./job-view.ts";
import { detail, instant, jobId, jsonDocument, maybe } from "./vocabulary.ts";

export const getTrainingStatus = defineTool({
  name: "get-training-status",
  title: "Get training status",
  description:
    "Returns where a job stands: state, step, loss, speed, time left, cause and fix of a failure, verified model; with the box off as of observed_at. Full adds checkpoints, samples, alerts, attempts, config.",
  input: z.strictObject({ job_id: jobId, detail }),
  output: jobView.extend({
    checkpoints: z.array(checkpointView).optional(),
    samples: z.array(sampleView).optional(),
    alerts: z.array(alertView).optional(),
    gaps: z.array(gapView).optional(),
    attempts: z.array(attemptView).optional(),
    config_snapshot: jsonDocument.optional().describe("The config the job runs with."),
    process: maybe(
      z.object({
        pid: z.int(),
        start_ticks: z.string().describe("With pid and boot_id, names one process for ever."),
        boot_id: z.string(),
        started_at: instant.nullable(),
      }),
    ),
    next: maybe(z.string()),
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
  llm: "too",
});
