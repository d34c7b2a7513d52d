import { AppError, errorToWire } from "@trainyard/shared/errors.ts";
import type { ErrorCode } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { readJsonBody } from "./body.ts";

/** JSON-RPC's numbers; one that is too large has none of its own. */
const numbers: Partial<Record<ErrorCode, number>> = {
  INVALID_JSON: -32_700,
  PAYLOAD_TOO_LARGE: -32_000,
};
const invalidRequest = -32_600;
const example =
  'Send one message, for example {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}.';

/**
 * The one message of a POST to MCP. The SDK would take a batch, which left MCP with 2025-06-18 and is a hundred calls where one is
 * counted, and bytes that are no UTF-8. Throws INVALID_JSON, INVALID_REQUEST, PAYLOAD_TOO_LARGE.
 */
export async function readMessage(request: Request): Promise<unknown> {
  const message = await readJsonBody(request, limits.mcpBodyBytes, example);
  if (!Array.isArray(message)) return message;
  throw new AppError("INVALID_REQUEST", "A JSON-RPC batch is refused.", {
    hint: "Send each message in a request of its own.",
  });
}

/** Nobody knows the message's id: it was not read. */
export function messageRefusal(error: AppError): Response {
  const { code, message, hint } = errorToWire(error);
  const text = hint === undefined ? `${code}: ${message}` : `${code}: ${message} ${hint}`;
  return Response.json(
    {
      jsonrpc: "2.0",
      error: { code: numbers[error.code] ?? invalidRequest, message: text, data: { code } },
      id: null,
    },
    { status: error.status },
  );
}
