import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { publicStatus } from "./job-view.ts";
import { connectivity, count, instant, jobId, maybe } from "./vocabulary.ts";

export const controlTraining = defineTool({
  name: "control-training",
  title: "Save or sample now",
  description:
    "Asks a running job for a checkpoint (save) or for sample pictures (sample) at the step it stands at; it trains on. Waits until they are there, or says that they are on their way.",
  input: z.strictObject({
    job_id: jobId,
    action: z.enum(["save", "sample"]),
    wait_seconds: z.int().min(0).max(120).default(30),
  }),
  output: z.object({
    job_id: z.string(),
    action: z.enum(["save", "sample"]),
    status: publicStatus,
    connectivity,
    success: z.boolean().describe("The trainer was asked."),
    done: z.boolean(),
    step: maybe(count).describe("Of what was written."),
    paths: z.array(z.string()).describe("What was written."),
    observed_at: maybe(instant),
    message: z.string(),
    next: z.string(),
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
