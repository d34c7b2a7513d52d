/** Field schemas that several tools share, so that one word means one thing in every contract. */
import { z } from "zod";
import { limits } from "../limits.ts";

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

/** By hand: a recursive zod type becomes `$ref`s in the JSON Schema, which some clients cannot follow. */
function isJsonValue(value: unknown, depth = 0): value is JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || depth >= limits.jsonDepth) return false;
  if (Array.isArray(value)) return value.every((entry) => isJsonValue(entry, depth + 1));
  return Object.values(value).every(
    (entry) => entry === undefined || isJsonValue(entry, depth + 1),
  );
}

export const jsonValue = z.custom<JsonValue>((value) => isJsonValue(value), "must be JSON");

/** A training config as AI Toolkit writes it, or a part of one. */
export const jsonDocument = z.record(z.string(), jsonValue);
export type JsonDocument = z.infer<typeof jsonDocument>;

/** A config as a caller has it: the object, or its JSON or YAML text. */
export const configInput = z.union([z.string().max(limits.configBytes), jsonDocument]);

/** Fields that the concise form leaves out and that are null while unknown. */
export function maybe<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullable().optional();
}

export const instant = z.iso.datetime();
export const count = z.int().min(0);

export const connectivity = z.enum(["live", "stale", "offline"]);

/** Stands in every answer whose facts come from a box. */
export const observation = {
  observed_at: instant.nullable().describe("When the box said so; null when it never did."),
  connectivity,
};

export const severity = z.enum(["info", "warning", "critical"]);

// ---- inputs ---------------------------------------------------------------------------------

export const detail = z.enum(["concise", "full"]).optional();
export const agent = z.string().min(1).max(100).optional().describe("Which box, if several.");
export const gpu = z
  .int()
  .min(0)
  .max(63)
  .optional()
  .describe("Card of the box; default: the one with the least to do.");
export const jobId = z.string().min(1).max(100);
/** Longer than a name may be: the forms `datasets/x` and `/ai-toolkit/datasets/x` come in here too. */
export const nameOrPath = z.string().min(1).max(300);
export const idempotencyKey = z
  .string()
  .min(1)
  .max(200)
  .optional()
  .describe("One key starts one job.");
export const expiresInSeconds = z
  .int()
  .min(10)
  .max(limits.linkSecondsMax)
  .default(limits.linkSecondsDefault);
export const oneTime = z.boolean().default(false).describe("Ends after one file.");
export const maxDatasetFiles = z.int().min(100).max(20_000).default(2_000);

export const triggerWord = z.string().max(200).optional();
/** What buckets are worked out for. */
export const bucketResolutions = z
  .union([z.int().min(64), z.array(z.int().min(64)).min(1).max(8)])
  .optional();
export const arch = z.string().max(100).optional();

/** Of the tools that delete. */
export const purge = z.boolean().default(false).describe("For good; needs confirm.");
/** The name once more, where a call was refused with CONFIRM_REQUIRED. */
export const confirmedName = nameOrPath.optional();

// ---- outputs --------------------------------------------------------------------------------

export const finding = z.object({
  code: z.string(),
  severity,
  message: z.string(),
  field: z.string().optional(),
  value: jsonValue.optional(),
  fix: z.string().optional(),
});
export type FindingView = z.input<typeof finding>;

/** What a box says about one of its trainers. */
export const trainerView = z.object({
  name: z.string(),
  found: z.boolean(),
  version: maybe(z.string()),
  path: maybe(z.string()),
  reason: maybe(z.string()).describe("Why it was not found, or what limits it."),
});

export const gpuView = z.object({
  index: count,
  name: z.string().nullable(),
  memory_used_mb: maybe(z.number()),
  memory_total_mb: maybe(z.number()),
  utilization_pct: maybe(z.number()),
  temperature_c: maybe(z.number()),
  power_w: maybe(z.number()),
  power_limit_w: maybe(z.number()),
  driver_version: maybe(z.string()),
  mig: maybe(z.boolean()).describe("Cut into instances; the card tells no load then."),
});

/** What was deleted, and how it comes back. */
export const deletion = z.object({
  success: z.boolean(),
  deleted: z.string(),
  path: z.string(),
  purged: z.boolean(),
  already_deleted: z.boolean(),
  change_id: maybe(z.string()).describe("For undo-dataset-change; null when it is gone for good."),
  restorable_until: maybe(instant),
});
