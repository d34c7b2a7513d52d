/** Fields of the tools for language models. */
import { z } from "zod";

export const projectPath = z.string().min(1).max(1_000).describe("Project's name or path.");
export const runId = z.string().min(1).max(64);
export const stage = z.literal([1, 2]);
/** A file of the box: in a dataset, or in the project. */
export const datasetFile = z.string().min(1).max(1_000);
export const hfRepoId = z
  .string()
  .regex(/^[\w.-]{1,96}\/[\w.-]{1,96}$/, "must be owner/name")
  .optional();

/** The document of the earlier system knows the first four; the others are what a job can be besides. */
export const runStatus = z.enum([
  "running",
  "completed",
  "failed",
  "not_started",
  "stopped",
  "interrupted",
]);
