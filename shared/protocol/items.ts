import { z } from "zod";
import { guardrailRulesSchema } from "../analysis/guards/guard-rules.ts";
import { evidenceSchema, failureSchema } from "../jobs/failure.ts";
import { jobStateSchema, phaseSchema } from "../jobs/state.ts";
import { limits } from "../limits.ts";

/**
 * Items of an attempt's one ordered durable stream. Each gets the next sequence number when it enters the spool, and
 * that number never changes: the receiver drops what it has and refuses what leaves a hole.
 */
const atMs = z.number();
const step = z.int().min(0);
const path = z.string().max(1_024);

/** JSON has no NaN: a value is a number, null for "no value at this step", or the name of a non-finite number. */
export type WireValue = number | null | "NaN" | "Infinity" | "-Infinity";

export function toWireValue(value: number): WireValue {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "Infinity" : "-Infinity";
}

export function fromWireValue(value: WireValue): number | null {
  return typeof value === "string" ? Number(value) : value;
}

/** Checked by hand: a zod union per element costs five times as much, and there is no JIT in workerd. */
function isValueColumn(column: unknown): column is WireValue[] {
  if (!Array.isArray(column) || column.length > limits.metricsItemPoints) return false;
  for (const value of column as unknown[]) {
    if (typeof value === "number" || value === null) continue;
    if (value !== "NaN" && value !== "Infinity" && value !== "-Infinity") return false;
  }
  return true;
}

function isWholeColumn(column: unknown): column is number[] {
  if (!Array.isArray(column) || column.length === 0 || column.length > limits.metricsItemPoints)
    return false;
  for (const value of column as unknown[]) {
    if (typeof value !== "number" || !(value >= 0) || value % 1 !== 0) return false;
  }
  return true;
}

const wholeColumn = z.custom<number[]>(isWholeColumn, "a column of whole numbers, 1 to 500 long");
const valueColumn = z.custom<WireValue[]>(isValueColumn, "a column of values, at most 500 long");

const metricsItemSchema = z
  .object({
    kind: z.literal("metrics"),
    /** The trainer's loop index, strictly rising inside an attempt for each key. */
    steps: wholeColumn,
    /** When the agent read the point, epoch milliseconds of the box. */
    atMs: wholeColumn,
    values: z.record(z.string().min(1).max(limits.metricKeyCharacters), valueColumn),
  })
  .refine(
    (item) =>
      item.atMs.length === item.steps.length &&
      Object.values(item.values).every((column) => column.length === item.steps.length),
    "columns of one item are equally long",
  );

const stateItemSchema = z.object({
  kind: z.literal("state"),
  atMs,
  state: jobStateSchema,
  /** Identity of the process when it started; a restarted agent finds the same one again. */
  process: z
    .object({ pid: z.int(), startTicks: z.string().max(32), bootId: z.string().max(64) })
    .nullish(),
  /** Loop index the attempt starts from: 0, or the resumed checkpoint's. */
  startStep: step.nullish(),
  stop: z
    .object({ by: z.string().max(100), reason: z.string().max(500), mode: z.string().max(20) })
    .nullish(),
  /** The guardrails that are in force from here on, under the number that the edge gave them. */
  guardrails: z.object({ revision: z.int().min(0), rules: guardrailRulesSchema }).nullish(),
  failure: failureSchema.nullish(),
  evidence: evidenceSchema.nullish(),
});

const checkpointItemSchema = z.object({
  kind: z.literal("checkpoint"),
  atMs,
  /** Null for the final file, which carries no step in its name. */
  step: step.nullable(),
  path,
  bytes: z.int().min(0),
  valid: z.boolean(),
  final: z.boolean(),
});

const sampleItemSchema = z.object({
  kind: z.literal("sample"),
  atMs,
  step,
  index: z.int().min(0).max(10_000),
  path,
  bytes: z.int().min(0),
});

const alertItemSchema = z.object({
  kind: z.literal("alert"),
  atMs,
  step: step.nullable(),
  code: z.string().max(64),
  severity: z.enum(["info", "warning", "critical"]),
  category: z.string().max(32),
  message: z.string().max(500),
  evidence: evidenceSchema,
  /** True when the finding stopped the job. */
  guardrail: z.boolean(),
  /** True when it would have stopped the job, had its rules not been set to a dry run. */
  wouldStop: z.boolean().nullish(),
});

const artifactItemSchema = z.object({
  kind: z.literal("artifact"),
  atMs,
  name: z.string().max(255),
  path,
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  step: step.nullable(),
});

/** What could not be kept, said instead of hidden. */
const gapItemSchema = z.object({
  kind: z.literal("gap"),
  atMs,
  what: z.enum(["metrics", "log", "samples"]),
  fromStep: step.nullable(),
  toStep: step.nullable(),
  reason: z.string().max(200),
});

export const itemSchema = z.discriminatedUnion("kind", [
  metricsItemSchema,
  stateItemSchema,
  checkpointItemSchema,
  sampleItemSchema,
  alertItemSchema,
  artifactItemSchema,
  gapItemSchema,
]);
export type Item = z.infer<typeof itemSchema>;
export type MetricsItem = z.infer<typeof metricsItemSchema>;
export type StateItem = z.infer<typeof stateItemSchema>;

/**
 * The newest truth about an attempt, carried by every frame and by hello, so that the state shows before the catch-up.
 * It repeats what items say; where they differ the items, once applied, are right.
 */
export const headSchema = z.object({
  state: jobStateSchema,
  phase: phaseSchema.nullable(),
  currentStep: step.nullable(),
  totalSteps: step.nullable(),
  stepsPerSecond: z.number().nullable(),
  remainingSeconds: z.number().nullable(),
  /** Last value of the public keys; null when unknown. */
  loss: z
    .union([z.number(), z.literal("NaN"), z.literal("Infinity"), z.literal("-Infinity")])
    .nullable(),
  lr: z.number().nullable(),
  /** Clock of the box; shown, never compared with the edge's. */
  observedAtMs: atMs,
  /** The log's end, folded and redacted; present when it changed since the last frame. */
  logTail: z.array(z.string().max(2_000)).max(80).nullish(),
});
export type Head = z.infer<typeof headSchema>;
