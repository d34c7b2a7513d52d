import type { z } from "zod";
import { AppError } from "../errors.ts";
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

export function decodeAgentMessage(text: string): AgentMessage {
  return decode(agentMessageSchema, text);
}

export function decodeEdgeMessage(text: string): EdgeMessage {
  return decode(edgeMessageSchema, text);
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
      `A frame breaks protocol v1 at ${issue?.path.join(".") || "its root"}.`,
      {
        details: { problem: issue?.message ?? "unknown" },
      },
    );
  }
  return parsed.data;
}
