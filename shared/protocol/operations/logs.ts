import { z } from "zod";
import { limits } from "../../limits.ts";
import { bytes, id, operation } from "./operation.ts";

const logStream = z.enum(["stdout", "stderr"]);
const logLineSchema = z.object({
  /** 1-based in the stream's file, as newlines count; null where the file is too large to count. */
  n: z.int().nullable(),
  stream: logStream,
  text: z.string(),
  repeat: z.int(),
  /** What was looked for. */
  match: z.boolean().optional(),
});

export const logOperations = {
  "read-log": operation({
    args: z.object({
      jobId: id,
      attempt: z.int().min(1).nullable(),
      stream: z.enum(["both", "stdout", "stderr"]),
      lines: z.int().min(1).max(limits.logLinesMax),
      grep: z.string().max(200).nullable(),
      around: z.string().max(200).nullable(),
      // What may be missing came later than the rest: the other end may be of the release before.
      /** `shared/logs/log-since.ts` reads it. */
      since: z.string().max(200).nullish(),
      context: z.int().min(0).max(limits.logContextLines).nullish(),
      /** The answer's lines must fit in here, so that the cursor stands behind the last one shown. */
      room: z
        .object({
          characters: z.int().min(0),
          lineCharacters: z.int().min(1).nullable(),
          withObjects: z.boolean(),
        })
        .nullish(),
    }),
    value: z.object({
      /** stdout's, then stderr's: two files, nobody knows how their lines were mixed. */
      lines: z.array(logLineSchema),
      /** Of the files that were read; null where they are too large to count. */
      totalLines: z.int().nullable(),
      /** There is more than `lines`: older without `since`, newer behind the cursor with it. */
      truncated: z.boolean(),
      readBytes: bytes,
      firstError: z.string().nullable(),
      attempt: z.int().min(1).optional(),
      /** The first error among what stands beside it. */
      errorContext: z.array(logLineSchema).optional(),
      /** Behind the last line given. */
      cursor: z.string().max(200).optional(),
      /** Frames and lines that still have no end; they come whole later. */
      unfinished: z.array(z.object({ stream: logStream, text: z.string() })).optional(),
      /** A file was truncated or replaced since the cursor: it was read from its beginning. */
      reset: z.boolean().optional(),
      /** Streams whose lines carry no time, where one was asked for: their newest lines are given. */
      undated: z.array(logStream).optional(),
    }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
} as const;
