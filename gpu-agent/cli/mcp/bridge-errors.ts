import {
  isJSONRPCErrorResponse,
  parseJSONRPCMessage,
  SdkHttpError,
} from "@modelcontextprotocol/client";
import type { JSONRPCErrorResponse, RequestId } from "@modelcontextprotocol/client";
import { AppError } from "@trainyard/shared/errors.ts";
import { notTrainyard, parseRefusal } from "../door/http-door.ts";
import { unreachable } from "../door/unreachable.ts";

/** JSON-RPC leaves this one to servers; our own code and hint stand in `data`. */
const serverError = -32_000;

interface Explained {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | null | undefined;
}

/** What a client is told when a request could not be carried: the server's own JSON-RPC error when there is one. */
export function responseTo(id: RequestId, error: unknown): JSONRPCErrorResponse {
  const own = serversOwn(error);
  if (own !== null) return { ...own, id };
  const { code, message, hint } = explain(error);
  return {
    jsonrpc: "2.0",
    id,
    error: {
      code: serverError,
      message: `${code}: ${message}${hint ? ` ${hint}` : ""}`,
      data: { code, hint: hint ?? null },
    },
  };
}

/** An answer of the protocol that came with an HTTP error, as 2026-07-28 wants some; null when it is none. */
export function serversOwn(error: unknown): JSONRPCErrorResponse | null {
  return error instanceof SdkHttpError ? jsonRpcError(textOf(error)) : null;
}

/** For a line that is no request that could be answered by its id; the specification says null then. */
export function nullIdError(code: number, message: string): object {
  return { jsonrpc: "2.0", id: null, error: { code, message } };
}

export function explain(error: unknown): Explained {
  if (error instanceof AppError) return error;
  if (error instanceof SdkHttpError)
    return parseRefusal(textOf(error)) ?? notTrainyard(error.status ?? 0);
  return unreachable(error);
}

function textOf(error: SdkHttpError): string {
  const { text } = error.data as { text?: unknown };
  return typeof text === "string" ? text : "";
}

function jsonRpcError(text: string): JSONRPCErrorResponse | null {
  try {
    const value: unknown = JSON.parse(text);
    // Without a readable id the server says null, which the schema of a message does not allow.
    const message = parseJSONRPCMessage(
      typeof value === "object" && value !== null ? { ...value, id: 0 } : value,
    );
    return isJSONRPCErrorResponse(message) ? message : null;
  } catch {
    return null;
  }
}
