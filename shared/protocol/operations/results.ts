import { z } from "zod";
import { runDataSchema } from "../../llm/llm-document.ts";
import { limits } from "../../limits.ts";
import { bytes, document, id, name, operation, sha256 } from "./operation.ts";

export const resultOperations = {
  /** One picture of many, for a reader that looks at them: steps to the right, prompts downwards. */
  "sample-sheet": operation({
    args: z.object({
      jobId: id,
      steps: z.array(z.int().min(0)).min(1).max(limits.sheetSteps),
      prompts: z.array(z.int().min(0)).min(1).max(limits.sheetPrompts),
      pictures: z
        .array(
          z.object({
            step: z.int().min(0),
            index: z.int().min(0),
            /** Below the outputs root. */
            segments: z.array(z.string().min(1).max(255)).min(1).max(8),
          }),
        )
        .min(1)
        .max(limits.sheetSteps * limits.sheetPrompts),
    }),
    value: z.object({
      name: z.string(),
      /** Base64; the file stays on the box as well, for a link. */
      jpeg: z.string().max(limits.sheetBytes * 2),
      bytes,
      width: z.int().min(1),
      height: z.int().min(1),
      sha256,
      modifiedAtMs: z.number(),
      /** Pictures that could not be read. */
      missing: z.int().min(0),
    }),
    changes: false,
    timeoutMs: limits.sheetMs + 5_000,
  }),
  /** A run of a language-model project, as its folder on the box keeps it. */
  "read-run": operation({
    args: z.object({ project: z.string().min(1).max(1_000), runId: z.string().min(1).max(100) }),
    value: z.object({
      /** As other calls name it. */
      project: z.string(),
      path: z.string(),
      runId: z.string(),
      config: document,
      data: runDataSchema,
      /** Those with whole adapters. */
      trained: z.array(z.int()),
    }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** What an evaluation or an export wrote down; null: nothing that can be read. */
  "read-result": operation({
    args: z.object({ jobId: id, kind: z.enum(["evaluation", "export"]) }),
    value: z.object({ path: z.string(), result: document.nullable() }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** Lines for a file of alerts on the box, written once per delivery however often it is asked for. */
  "append-alerts": operation({
    args: z.object({
      deliveryId: id,
      /** A plain name below the home's alerts folder. */
      file: z.string().min(1).max(limits.filenameBytes),
      lines: z.array(z.record(z.string(), z.unknown())).min(1).max(limits.alertsPerCall),
    }),
    value: z.object({ path: z.string(), written: z.int().min(0) }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** A report's files below `outputs/reports`, one name for all; never over a file that is there. */
  "write-report": operation({
    args: z.object({
      folder: z.array(name).max(limits.reportFolders),
      name: z.string().min(1).max(limits.filenameBytes),
      files: z
        .array(
          z.object({
            extension: z.enum(["json", "md", "html"]),
            text: z.string().max(limits.reportCharacters),
          }),
        )
        .min(1)
        .max(3),
    }),
    /** In the order of the files. */
    value: z.object({ paths: z.array(z.string()) }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
} as const;
