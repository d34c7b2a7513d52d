import { z } from "zod";
import { guardrailRulesSchema } from "../../analysis/guards/guard-rules.ts";
import { jobStateSchema } from "../../jobs/state.ts";
import { limits } from "../../limits.ts";
import { document, id, name, operation } from "./operation.ts";

export const attemptOperations = {
  /** Answers once the attempt is durable in the spool, before the process is there. */
  "start-attempt": operation({
    args: z.object({
      jobId: id,
      attempt: z.int().min(1),
      jobName: name,
      trainer: id,
      document,
      guardrails: guardrailRulesSchema,
      /** Number of these rules; 0 for those the job was started with. */
      guardrailsRevision: z.int().min(0).optional(),
      slot: z.string().max(20),
      totalSteps: z.int().nullable(),
    }),
    value: z.object({ accepted: z.literal(true) }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
  "stop-attempt": operation({
    args: z.object({
      jobId: id,
      attempt: z.int().min(1),
      mode: z.enum(["checkpoint", "now"]),
      by: z.string().max(100),
      reason: z.string().max(500),
    }),
    value: z.object({
      outcome: z.enum(["stopping", "not-started", "already-ended"]),
      state: jobStateSchema.nullable(),
    }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** A checkpoint or pictures from a running trainer, behind the step it makes now. Asked twice before it looks, it acts once. */
  "ask-trainer": operation({
    args: z.object({ jobId: id, attempt: z.int().min(1), what: z.enum(["save", "sample"]) }),
    value: z.object({ outcome: z.enum(["asked", "not-running", "not-listening", "cannot"]) }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** Other guardrails for an attempt that lives. Of two numbers the higher holds, whichever comes first. */
  "set-guardrails": operation({
    args: z.object({
      jobId: id,
      attempt: z.int().min(1),
      revision: z.int().min(1),
      rules: guardrailRulesSchema,
    }),
    value: z.object({
      outcome: z.enum(["in-force", "superseded", "not-running"]),
      revision: z.int().min(0),
    }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
} as const;
