import { z } from "zod";
import { limits } from "../limits.ts";
import { defineTool } from "./define-tool.ts";
import { count, detail, jobId, maybe, observation } from "./vocabulary.ts";

const logLine = z.object({
  n: z.int().nullable().describe("Line of its stream's file; null where nobody counted."),
  stream: z.enum(["stdout", "stderr"]),
  text: z.string(),
  repeat: z.int().describe("How often the line stood there in a row, or the bar was redrawn."),
  match: z.boolean().optional().describe("What grep or around looked for."),
});

export const getTrainingLogs = defineTool({
  name: "get-training-logs",
  title: "Get training logs",
  description:
    "Returns the end of a job's log, or what follows since, matches grep, stands around a place; bars folded, secrets out, first error on top; stdout, then stderr. With the box off, the kept tail.",
  input: z.strictObject({
    job_id: jobId,
    lines: z.int().max(limits.logLinesMax).default(100),
    grep: z.string().min(1).max(200).optional().describe("Text or regular expression, any case."),
    around: z
      .union([z.string().min(1).max(200), z.int().min(0)])
      .optional()
      .describe('Step, "line 7", or as grep.'),
    context: z.int().min(0).max(limits.logContextLines).optional(),
    since: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("A cursor, start, ISO time, or 10m; oldest first."),
    stream: z.enum(["both", "stdout", "stderr"]).default("both"),
    attempt: z.int().min(1).max(10_000).optional(),
    detail,
  }),
  output: z.object({
    job_id: z.string(),
    attempt: maybe(z.int()),
    lines: z.array(logLine).optional(),
    logs: z.array(z.string()),
    total_lines: count.nullable(),
    analyzed_bytes: maybe(count),
    truncated: z.boolean().describe("There is more: older lines, or with since newer ones."),
    cursor: maybe(z.string()).describe("As since, gives what follows: no line twice, none lost."),
    unfinished: z.array(z.string()).optional().describe("Still being drawn; comes whole later."),
    source: z.enum(["agent", "tail"]).describe("Read from the box, or the tail kept at the edge."),
    first_error: z.string().nullable().describe("Names the cause; else the first read."),
    error_context: z.array(logLine).optional().describe("It, and what stands beside it."),
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
  llm: "too",
});
