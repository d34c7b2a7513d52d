import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
} from "@modelcontextprotocol/server";
import { AppError, errorToWire } from "@trainyard/shared/errors.ts";
import { describe } from "../outcome.ts";

const missing: ReadonlySet<string> = new Set([
  "RESOURCE_NOT_FOUND",
  "CONFIG_NOT_FOUND",
  "JOB_NOT_FOUND",
]);

/**
 * Prompts, resources and completions have no `isError`: a refusal is a JSON-RPC error. The number is the protocol's, and our
 * code stands in front of the message and in `data`, so that both kinds of readers know it.
 */
export async function asProtocolErrors<Value>(
  requestId: string,
  work: () => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const { code, message, hint, details } = errorToWire(error, requestId);
    if (code === "INTERNAL") console.error(JSON.stringify({ requestId, error: describe(error) }));
    const refused = error instanceof AppError && error.status < 500;
    throw new ProtocolError(
      refused ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError,
      sentence(code, message, hint),
      {
        code,
        ...(hint === undefined ? {} : { hint }),
        ...(details === undefined ? {} : { details }),
      },
    );
  }
}

/** Clients know it by its data, which is the address and nothing else. */
export function resourceMissing(uri: string, error: AppError): Error {
  return missing.has(error.code)
    ? new ResourceNotFoundError(uri, sentence(error.code, error.message, error.hint))
    : error;
}

function sentence(code: string, message: string, hint: string | undefined): string {
  return `${code}: ${message}${hint === undefined ? "" : ` ${hint}`}`;
}
