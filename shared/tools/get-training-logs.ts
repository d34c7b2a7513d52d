import { z } from "zod";
import { limits } from "../limits.ts";
import { defineTool } from "./define-tool.ts";
import { count, detail, jobId, maybe, observation } from "./vocabulary.ts";

const logLine = z.object({
  n: z.int(),
  stream: z.enum(["stdout", "stderr"]),
  text: z.string(),
  repeat: z.int().describe("How often the line stood there in a row."),
});
export type LogLineView = z.input<typeof logLine>;

export const getTrainingLogs = defineTool({
  name: "get-training-logs",
  title: "Get training logs",
  description:
    "Returns the end of a job's log, or what matches grep, or what stands around a text; progress bars and repeats folded, secrets removed. First error on top. With the box off, the kept tail. Changes nothing.",
  input: z.strictObject({
    job_id: jobId,
    lines: z.int().min(1).max(limits.logLinesMax).default(100),
    grep: z.string().min(1).max(200).optional().describe("Only lines with this text."),
    around: z.string().min(1).max(200).optional().describe("Lines before and after this text."),
    since: z.int().min(0).optional().describe("Only lines after this total_lines."),
    stream: z.enum(["both", "stdout", "stderr"]).default("both"),
    attempt: z.int().min(1).max(10_000).optional().describe("Default: the newest."),
    detail,
  }),
  output: z.object({
    job_id: z.string(),
    attempt: maybe(z.int()),
    lines: z.array(logLine).optional(),
    logs: z.array(z.string()),
    total_lines: count.nullable(),
    analyzed_bytes: maybe(count),
    truncated: z.boolean(),
    source: z.enum(["agent", "tail"]).describe("Read from the box, or the tail kept at the edge."),
    first_error: z.string().nullable(),
    ...observation,
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
