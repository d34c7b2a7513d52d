import { z } from "zod";
import { jobStates } from "../jobs/state.ts";
import { defineTool } from "./define-tool.ts";
import { jobRow } from "./job-view.ts";
import { agent, count, detail } from "./vocabulary.ts";

export const listTrainingJobs = defineTool({
  name: "list-training-jobs",
  title: "List training jobs",
  description:
    "Lists jobs, newest first: state, progress, loss, place in the queue. For one job use get-training-status. Changes nothing.",
  input: z.strictObject({
    status: z
      .array(z.enum([...jobStates, "pending", "error"]))
      .max(16)
      .optional(),
    agent,
    limit: z.int().min(1).max(50).default(10),
    cursor: z.string().max(500).optional(),
    detail,
  }),
  output: z.object({
    jobs: z.array(jobRow),
    count,
    total: count,
    next_cursor: z.string().nullable(),
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
