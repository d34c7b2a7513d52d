import { z } from "zod";
import { limits } from "../../limits.ts";
import { document, name, operation } from "./operation.ts";

/** Where a config is kept: saved here, a file of the box, or in AI Toolkit's own web UI. */
export const configOrigins = ["edge", "box", "ui"] as const;

const boxConfigRowSchema = z.object({
  name,
  origin: z.enum(["box", "ui"]),
  /** Virtual: `configs/<file>`, `ai-toolkit/config/<file>`. */
  path: z.string().max(400),
  modifiedAtMs: z.number(),
  trainer: z.string().max(40).nullable(),
  model: z.string().max(300).nullable(),
  datasetPath: z.string().max(300).nullable(),
  steps: z.int().nullable(),
  /** Code of why it cannot be read. */
  problem: z.string().max(40).nullable(),
});
export type BoxConfigRow = z.infer<typeof boxConfigRowSchema>;

const boxConfigSchema = boxConfigRowSchema
  .pick({ name: true, origin: true, path: true, modifiedAtMs: true })
  .extend({
    document: document.nullable(),
    problem: z
      .object({
        code: z.string().max(40),
        severity: z.enum(["error", "warning"]),
        message: z.string().max(1_000),
        field: z.string().max(300).optional(),
        value: z.unknown().optional(),
        fix: z.string().max(1_000).optional(),
      })
      .nullable(),
  });
export type BoxConfig = z.infer<typeof boxConfigSchema>;

export const configOperations = {
  /** Configs that lie on the box, saved by nobody here. */
  "list-configs": operation({
    args: z.object({}),
    value: z.object({ configs: z.array(boxConfigRowSchema), more: z.boolean() }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  "read-config": operation({
    args: z.object({ name }),
    value: z.object({ config: boxConfigSchema.nullable() }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
} as const;
