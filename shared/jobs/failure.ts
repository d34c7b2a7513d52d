import { z } from "zod";

/**
 * Why an attempt failed or was interrupted. The first codes are what the process itself proves; the rest are the
 * categories of the log's reader, which take the place of `TRAINER_ERROR` when the log names its cause.
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
  "OOM_GPU",
  "OOM_HOST",
  "NAN_LOSS",
  "AUTH_GATED",
  "MODEL_NOT_FOUND",
  "DATASET_MISSING",
  "DATASET_EMPTY",
  "DATASET_CORRUPT",
  "CONFIG_INVALID",
  "UNSUPPORTED_MODEL",
  "DEPENDENCY_MISSING",
  "DEPENDENCY_MISMATCH",
  "CUDA_DRIVER",
  "DISK_FULL",
  "NETWORK",
  "PERMISSION",
  "IO_ERROR",
  "DISTRIBUTED",
  "STALLED",
  "DTYPE_SHAPE",
  "CRASH_NATIVE",
] as const;
const failureCodeSchema = z.enum(failureCodes);
export type FailureCode = z.infer<typeof failureCodeSchema>;

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
