import { z } from "zod";
import { guardrailRulesSchema } from "../analysis/guards/guardrails.ts";
import { datasetFactsSchema } from "../protocol/operations/preflight.ts";

/** What a job was started with. It never changes, so that a report is complete when the box is off. */
export const jobSnapshotSchema = z.object({
  jobId: z.string(),
  owner: z.string(),
  agentId: z.string(),
  agentName: z.string(),
  /** The job is named by its config; several jobs may share the name. */
  jobName: z.string(),
  configName: z.string(),
  trainer: z.string(),
  trainerVersion: z.string().nullable(),
  document: z.record(z.string(), z.unknown()),
  totalSteps: z.int().nullable(),
  datasets: z.array(datasetFactsSchema),
  guardrails: guardrailRulesSchema,
  slot: z.string(),
  createdAtMs: z.number(),
  createdBy: z.string(),
  /** Missing: it was started here. `ui`: its box found it in the Web UI of its trainer. */
  origin: z.enum(["ui"]).optional(),
});
export type JobSnapshot = z.infer<typeof jobSnapshotSchema>;
