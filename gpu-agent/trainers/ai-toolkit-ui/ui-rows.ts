import { createHash } from "node:crypto";
import { z } from "zod";
import { jobIdPattern } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";

/**
 * What the Web UI answers (ui/src/app/api and ui/prisma/schema.prisma at 27a03a91). A field that an older or a newer one leaves out
 * has its column's default; what cannot be read as a row is no row.
 */
const text = z.string().transform((value) => value.slice(0, limits.uiTextCharacters));
const instant = z
  .string()
  .refine((value) => Number.isFinite(Date.parse(value)), "no date")
  .transform((value) => Date.parse(value));
/** Python writes numbers as text; SQLite makes integers of them again where it can. */
const whole = z.coerce.number().pipe(z.int());

const jobSchema = z.object({
  id: z.string().regex(/^[\w-]{1,64}$/),
  name: z.string().min(1).max(255),
  gpu_ids: z.string().max(100),
  job_config: z.string(),
  created_at: instant,
  updated_at: instant,
  status: text,
  stop: z.coerce.boolean().default(false),
  step: whole.catch(0),
  total_steps: whole.nullable().catch(null),
  info: text.catch(""),
  speed_string: text.catch(""),
  queue_position: whole.catch(0),
  pid: whole.nullable().catch(null),
  job_type: text.catch("train"),
  job_ref: text.nullable().catch(null),
});
export type UiJob = z.infer<typeof jobSchema>;

export function parseJob(value: unknown): UiJob | null {
  const parsed = jobSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

export const jobListSchema = z.object({ jobs: z.array(z.unknown()) });
export const queueListSchema = z.object({
  queues: z.array(z.object({ gpu_ids: z.string().max(100), is_running: z.coerce.boolean() })),
});
/** The route gives the Hugging Face token in clear beside these: it is not taken. */
export const settingsSchema = z.object({
  TRAINING_FOLDER: z.string().min(1).max(1_000),
  DATASETS_FOLDER: z.string().min(1).max(1_000),
});
export const logSchema = z.object({
  log: z.string(),
  offset: z.int().min(0),
  reset: z.boolean(),
});
export type UiLogAnswer = z.infer<typeof logSchema>;
export const lossSchema = z.object({
  key: z.string(),
  keys: z.array(z.string()),
  points: z.array(
    z.object({ step: z.number(), wall_time: z.number().nullable(), value: z.number().nullable() }),
  ),
});
export type UiLossAnswer = z.infer<typeof lossSchema>;
export const filesSchema = z.object({
  files: z.array(z.object({ path: z.string().max(2_000), size: z.number().min(0) })),
});

/** The config that a row holds as text, and its one process; null where it is none. */
export function configOfJob({ job_config }: Pick<UiJob, "job_config">): {
  readonly document: Readonly<Record<string, unknown>>;
  readonly process: Readonly<Record<string, unknown>>;
  readonly name: string | null;
} | null {
  let document: unknown;
  try {
    document = JSON.parse(job_config);
  } catch {
    return null;
  }
  if (!isObject(document) || !isObject(document["config"])) return null;
  const { name, process } = document["config"];
  const first: unknown = Array.isArray(process) ? process[0] : null;
  if (!isObject(first)) return null;
  return { document, process: first, name: typeof name === "string" && name !== "" ? name : null };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A row that was only saved: whatever queues or stops a job writes its `info`. */
export function neverQueued({ status, info }: Pick<UiJob, "status" | "info">): boolean {
  return status === "stopped" && info === "";
}

/** It may become, or is, a process. */
export function isActive({ status }: Pick<UiJob, "status">): boolean {
  return status === "queued" || status === "running" || status === "stopping";
}

const ours = "trainyard:";

/** Kept in the row's `job_ref`, which the UI itself uses for captioning only: so a start whose answer was lost is found again. */
export function refOfJob(jobId: string): string {
  return ours + jobId;
}

/** The Trainyard job that a row was made for; null for one that was made in the UI. */
export function jobOfRef({ job_ref }: Pick<UiJob, "job_ref">): string | null {
  const id = job_ref?.startsWith(ours) === true ? job_ref.slice(ours.length) : null;
  return id !== null && jobIdPattern.test(id) ? id : null;
}

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * The id under which a job of the UI goes by here: made of the UI's own, a random UUID, and of nothing else. So it is the same
 * whatever the server's address is called, and after the agent has lost its home.
 */
export function jobIdOfUi(uiJobId: string): string {
  const digest = createHash("sha256").update(`trainyard job of a web ui\n${uiJobId}`).digest();
  return `job_${[...digest.subarray(0, 26)].map((byte) => alphabet[byte & 31]).join("")}`;
}

/** `0` and `0,1` train on the first card they name; `mps` has no queue of its own here. */
export function slotOfGpus(gpuIds: string): string {
  const first = /^\s*(\d{1,2})\b/.exec(gpuIds)?.[1];
  return first === undefined ? "cpu" : `gpu:${Number(first)}`;
}

/** On a box without a card the name of the queue says nothing, but there has to be one. */
export function gpusOfSlot(slot: string): string {
  return /^gpu:(\d+)$/.exec(slot)?.[1] ?? "0";
}
