import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
} from "@modelcontextprotocol/server";
import { AppError, errorToWire } from "@trainyard/shared/errors.ts";
import { z } from "zod";
import { describe } from "../outcome.ts";

const missing: ReadonlySet<string> = new Set([
  "RESOURCE_NOT_FOUND",
  "CONFIG_NOT_FOUND",
  "JOB_NOT_FOUND",
]);

/** How the SDK tells what a message lacks: a list of these as JSON, sometimes behind a few words. */
const shapeIssues = z.array(
  z.object({ path: z.array(z.union([z.string(), z.number()])), message: z.string() }),
);

/**
 * Prompts, resources and completions have no `isError`: a refusal is a JSON-RPC error. The number is the protocol's, and our
 * code stands in front of the message and in `data`, so that both kinds of readers know it.
 */
export function protocolError(error: unknown, method: string, requestId: string): Error {
  const misshapen = misshapenParams(error, method);
  if (misshapen !== null) return misshapen;
  if (error instanceof ProtocolError) return error;
  const { code, message, hint, details } = errorToWire(error, requestId);
  if (code === "INTERNAL") console.error(JSON.stringify({ requestId, error: describe(error) }));
  const refused = error instanceof AppError && error.status < 500;
  return new ProtocolError(
    refused ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError,
    sentence(code, message, hint),
    {
      code,
      ...(hint === undefined ? {} : { hint }),
      ...(details === undefined ? {} : { details }),
    },
  );
}

/** Only the SDK's own: a checker's error out of a handler of ours is a fault of ours. */
function misshapenParams(error: unknown, method: string): Error | null {
  const ofSdk = error instanceof ProtocolError || (error as Error).constructor === Error;
  const dump = ofSdk
    ? /^(?:Invalid tools\/call request: )?(\[.*)$/s.exec((error as Error).message)
    : null;
  if (dump === null) return null;
  let issues: z.infer<typeof shapeIssues>;
  try {
    issues = shapeIssues.parse(JSON.parse(dump[1] ?? ""));
  } catch {
    return null;
  }
  const told = issues
    .slice(0, 3)
    .map(({ path, message }) => `${path.join(".") || "the message"}: ${message}`);
  return new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    sentence("INVALID_ARGUMENT", `This is no ${method}. ${told.join("; ")}.`, undefined),
    { code: "INVALID_ARGUMENT" },
  );
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
