import { z } from "zod";

/**
 * Why an attempt failed or was interrupted. The reader of logs refines `TRAINER_ERROR` into its causes; the codes here
 * are what the process itself proves.
 */
const failureCodes = [
  "SPAWN_FAILED",
  "TRAINER_NOT_FOUND",
  "TRAINER_ERROR",
  "KILLED",
  "NO_ARTIFACT",
  "ARTIFACT_INVALID",
  "INCOMPLETE",
  "VANISHED",
  "REBOOTED",
  "START_REFUSED",
  "LOST",
] as const;
const failureCodeSchema = z.enum(failureCodes);

export const evidenceSchema = z.record(
  z.string().max(64),
  z.union([z.string().max(1_000), z.number(), z.boolean(), z.null()]),
);
export type Evidence = z.infer<typeof evidenceSchema>;

export const failureSchema = z.object({
  code: failureCodeSchema,
  /** One sentence of ours; text of the trainer stands only in `evidence`. */
  message: z.string().max(500),
  fix: z.string().max(500),
});
export type Failure = z.infer<typeof failureSchema>;
