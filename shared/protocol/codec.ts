import type { z } from "zod";
import { AppError } from "../errors.ts";
import { isDeeperThan } from "../json-depth.ts";
import { limits } from "../limits.ts";
import { agentMessageSchema, edgeMessageSchema } from "./messages.ts";
import type { AgentMessage, EdgeMessage } from "./messages.ts";

const encoder = new TextEncoder();

/** UTF-8 JSON text. Throws PROTOCOL_ERROR above the hard cap: a larger frame stalls the platform for seconds. */
export function encodeMessage(message: AgentMessage | EdgeMessage): string {
  const text = JSON.stringify(message);
  if (
    text.length * 3 > limits.frameHardBytes &&
    encoder.encode(text).byteLength > limits.frameHardBytes
  ) {
    throw new AppError(
      "PROTOCOL_ERROR",
      `A ${message.type} frame exceeds ${limits.frameHardBytes} bytes.`,
    );
  }
  return text;
}

/** Throws PROTOCOL_ERROR. */
export function decodeAgentMessage(text: string): AgentMessage {
  const message = decode(agentMessageSchema, text);
  if (message.type === "result") refuseDepth(message.outcome);
  return message;
}

/** Throws PROTOCOL_ERROR. */
export function decodeEdgeMessage(text: string): EdgeMessage {
  const message = decode(edgeMessageSchema, text);
  if (message.type === "call") refuseDepth(message.args);
  return message;
}

/** What an operation takes and gives is of any shape here, and is written out again elsewhere by code that recurses. */
function refuseDepth(value: unknown): void {
  if (!isDeeperThan(limits.frameLevels, value)) return;
  throw new AppError("PROTOCOL_ERROR", `A frame is nested deeper than ${limits.frameLevels}.`);
}

function decode<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> {
  if (text.length > limits.frameHardBytes) {
    throw new AppError("PROTOCOL_ERROR", `A frame exceeds ${limits.frameHardBytes} characters.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError("PROTOCOL_ERROR", "A frame is not JSON.", { cause });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new AppError(
      "PROTOCOL_ERROR",
      `A frame breaks protocol v1 at ${placeOf(issue?.path ?? [])}.`,
      {
        details: { problem: issue?.message ?? "unknown" },
      },
    );
  }
  return parsed.data;
}

/** A metric's name is a key too, and comes from a trainer: only what looks like a field of ours is repeated. */
function placeOf(path: readonly PropertyKey[]): string {
  const names = path.map((key) => (/^[a-z0-9]{1,20}$/i.test(String(key)) ? String(key) : "…"));
  return names.join(".") || "its root";
}
