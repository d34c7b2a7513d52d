import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import {
  agent,
  count,
  expiresInSeconds,
  instant,
  jobId,
  maybe,
  nameOrPath,
  oneTime,
} from "./vocabulary.ts";

export const createDownloadLink = defineTool({
  name: "create-download-link",
  title: "Create download link",
  description:
    "Returns a short-lived URL for a file on the box: a job's final model (default), checkpoint, sample or log. Resumable. Whoever has the link can read that file.",
  input: z.strictObject({
    kind: z.enum(["model", "checkpoint", "sample", "log"]).default("model"),
    job_id: jobId.optional(),
    model_path: z.string().min(1).max(1_000).optional().describe("Instead of job_id."),
    model_name: nameOrPath.optional(),
    step: z.int().min(0).optional().describe("Of checkpoint or sample; default: the newest."),
    index: z.int().min(0).max(10_000).optional().describe("Of the sample."),
    stream: z.enum(["stdout", "stderr"]).optional(),
    attempt: z.int().min(1).max(10_000).optional(),
    expires_in_seconds: expiresInSeconds,
    one_time: oneTime,
    agent,
  }),
  output: z.object({
    download_url: z.string(),
    filename: z.string(),
    path: maybe(z.string()),
    size: count,
    sha256: z.string().nullable(),
    media_type: z.string(),
    job_id: maybe(z.string()),
    expires_at: instant,
    one_time: z.boolean(),
    note: maybe(z.string()),
    how: z.string(),
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
