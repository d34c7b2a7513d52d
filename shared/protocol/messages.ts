import { z } from "zod";
import { jobIdPattern } from "../ids.ts";
import { jobStateSchema } from "../jobs/state.ts";
import { limits } from "../limits.ts";
import { headSchema, itemSchema } from "./items.ts";
import { wireErrorSchema } from "./wire-error.ts";

/** Messages of the agent link, by direction. Unknown fields are ignored, unknown types are refused and kept. */
const id = z.string().min(1).max(80);
const epoch = z.int().min(1);
const sequence = z.int().min(1);

// ---- agent to edge --------------------------------------------------------------------------

const trainerFactSchema = z.object({
  name: id,
  found: z.boolean(),
  version: z.string().max(80).nullable(),
  reason: z.string().max(300).nullable(),
  /** Its folder on the box. */
  path: z.string().max(300).optional(),
});

export const capabilitiesSchema = z.object({
  name: z.string().max(80),
  software: z.string().max(40),
  platform: z.string().max(80),
  trainers: z.array(trainerFactSchema).max(20),
  /** One queue each: `gpu:0`, `gpu:1` ... and `cpu`. */
  slots: z.array(z.string().max(20)).min(1).max(64),
  /** A call of a name that is not listed answers AGENT_OUTDATED, not a timeout. */
  operations: z.array(id).max(200),
  tools: z.array(id).max(200),
  gpus: z
    .array(z.object({ index: z.int(), name: z.string().max(120), memoryMib: z.int() }))
    .max(64),
});
export type Capabilities = z.infer<typeof capabilitiesSchema>;

const helloSchema = z.object({
  type: z.literal("hello"),
  protocols: z.array(z.int()).min(1).max(10),
  agentId: id,
  /** Ed25519 over `helloText(...)`, base64. */
  signature: z.string().max(200),
  /** Random, of this process: tells a reconnect from a second agent. */
  instanceId: id,
  machineId: id,
  bootId: z.string().max(80),
  capabilities: capabilitiesSchema,
  jobs: z
    .array(
      z.object({
        jobId: id,
        attempt: z.int().min(1),
        /** Last sequence number in the spool, 0 when there is none. */
        lastSeq: z.int().min(0),
        head: headSchema,
      }),
    )
    .max(500),
});

/** A contiguous run of an attempt's items, first one numbered `from`. */
const eventsSchema = z.object({
  type: z.literal("events"),
  epoch,
  jobId: id,
  attempt: z.int().min(1),
  from: sequence,
  items: z.array(itemSchema).max(limits.frameItems),
  head: headSchema,
});

/** Last value wins; never written, never acknowledged. */
const liveSchema = z.object({
  type: z.literal("live"),
  epoch,
  jobId: id,
  attempt: z.int().min(1),
  head: headSchema,
});

const resultSchema = z.object({
  type: z.literal("result"),
  callId: id,
  outcome: z.discriminatedUnion("ok", [
    z.object({ ok: z.literal(true), value: z.unknown() }),
    z.object({ ok: z.literal(false), error: wireErrorSchema }),
  ]),
});

/** A job that the box found and no edge gave it, and what its snapshot is made of. Sent only where welcome accepts it. */
const announceSchema = z.object({
  type: z.literal("announce"),
  epoch,
  job: z.object({
    jobId: z.string().regex(jobIdPattern),
    jobName: z.string().min(1).max(255),
    trainer: id,
    trainerVersion: z.string().max(80).nullable(),
    document: z.record(z.string(), z.unknown()),
    totalSteps: z.int().min(0).nullable(),
    slot: z.string().max(20),
    /** Clock of the box. */
    createdAtMs: z.number(),
  }),
});

export const agentMessageSchema = z.discriminatedUnion("type", [
  helloSchema,
  eventsSchema,
  liveSchema,
  resultSchema,
  announceSchema,
]);
export type AgentMessage = z.infer<typeof agentMessageSchema>;
export type Hello = z.infer<typeof helloSchema>;
export type EventsFrame = z.infer<typeof eventsSchema>;
export type LiveFrame = z.infer<typeof liveSchema>;
export type Announce = z.infer<typeof announceSchema>;

// ---- edge to agent --------------------------------------------------------------------------

const challengeSchema = z.object({
  type: z.literal("challenge"),
  nonce: z.string().min(16).max(100),
  /** The origin the edge believes to be; the agent signs only the one it dialled. */
  origin: z.string().max(300),
  protocols: z.array(z.int()).min(1).max(10),
});

const welcomeSchema = z.object({
  type: z.literal("welcome"),
  protocol: z.int(),
  epoch,
  /** What the edge has committed, for each stream named in hello. */
  resume: z.array(z.object({ jobId: id, attempt: z.int().min(1), acked: z.int().min(0) })).max(500),
  windowFrames: z.int().min(1),
  /** Types of messages that came later than the protocol's number: what is not listed is not sent. */
  accepts: z.array(id).max(20).optional(),
});

const rejectSchema = z.object({
  type: z.literal("reject"),
  error: wireErrorSchema,
  retryAfterMs: z.int().min(0).nullable(),
});

const ackSchema = z.object({
  type: z.literal("ack"),
  epoch,
  jobId: id,
  attempt: z.int().min(1),
  upTo: z.int().min(0),
});

/** The receiver expected another number: rewind to `expected`. */
const nackSchema = z.object({
  type: z.literal("nack"),
  epoch,
  jobId: id,
  attempt: z.int().min(1),
  expected: sequence,
});

const callSchema = z.object({
  type: z.literal("call"),
  epoch,
  callId: id,
  operation: id,
  argsHash: z.string().regex(/^[0-9a-f]{64}$/),
  args: z.unknown(),
});

/** The live lane is open for this job for so long, counted by the agent's own monotonic clock. */
const watchSchema = z.object({
  type: z.literal("watch"),
  epoch,
  jobId: id,
  forMs: z.int().min(0),
});

/** Whether the box may speak for the job it announced, and where the edge stands with it. */
const announcedSchema = z.object({
  type: z.literal("announced"),
  epoch,
  jobId: id,
  outcome: z.discriminatedUnion("ok", [
    z.object({
      ok: z.literal(true),
      /** The newest attempt; 0 before the first. */
      attempt: z.int().min(0),
      acked: z.int().min(0),
      state: jobStateSchema,
      /** Highest step of its metrics. */
      lastStep: z.int().min(0).nullable(),
    }),
    z.object({ ok: z.literal(false), error: wireErrorSchema }),
  ]),
});

export const edgeMessageSchema = z.discriminatedUnion("type", [
  challengeSchema,
  welcomeSchema,
  rejectSchema,
  ackSchema,
  nackSchema,
  callSchema,
  watchSchema,
  announcedSchema,
]);
export type EdgeMessage = z.infer<typeof edgeMessageSchema>;
export type Call = z.infer<typeof callSchema>;
export type Announced = z.infer<typeof announcedSchema>;
