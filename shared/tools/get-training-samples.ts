import { z } from "zod";
import { limits } from "../limits.ts";
import { defineTool } from "./define-tool.ts";
import { publicStatus } from "./job-view.ts";
import { count, detail, instant, jobId, maybe, observation } from "./vocabulary.ts";

const step = z.int().min(0).max(10_000_000);

export const getTrainingSamples = defineTool({
  name: "get-training-samples",
  title: "Get training samples",
  description:
    "Shows what a job's sample pictures look like: one contact sheet, steps to the right, prompts downwards, with a link to it. Look at it to judge likeness, style and overtraining. Single pictures: create-download-link with kind sample.",
  input: z.strictObject({
    job_id: jobId,
    steps: z
      .array(step)
      .max(limits.sheetSteps)
      .optional()
      .describe("Default: some over the run, the newest among them."),
    columns: z.int().min(1).max(limits.sheetSteps).default(5).describe("Without steps."),
    prompts: z.array(z.int().min(0).max(10_000)).max(limits.sheetPrompts).optional(),
    sheet: z.boolean().default(true).describe("False only lists."),
    detail,
  }),
  output: z.object({
    job_id: z.string(),
    status: publicStatus,
    ...observation,
    sample_count: count,
    steps: z.array(count).describe("Of the sheet, left to right."),
    prompts: z
      .array(z.object({ index: count, text: maybe(z.string()) }))
      .describe("Of the sheet, top to bottom."),
    sheet: z
      .object({
        url: maybe(z.string()),
        expires_at: maybe(instant),
        width: count,
        height: count,
        size: count,
        missing: count.describe("Pictures that could not be read."),
        made_at: instant,
      })
      .nullable(),
    samples: z
      .array(
        z.object({ step: count, index: count, path: z.string(), size: count, at: maybe(instant) }),
      )
      .optional(),
    all_steps: z.array(count).optional(),
    message: z.string(),
    next: z.string(),
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
