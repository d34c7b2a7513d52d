import type { CallToolResult } from "@modelcontextprotocol/server";
import { errorToWire } from "@trainyard/shared/errors.ts";
import { describe } from "../outcome.ts";

const detailsCharacters = 800;

/** One code, what happened, what to do. Details are data and stand in a block of their own, where they are short. */
export function toolFailure(error: unknown, requestId: string): CallToolResult {
  const wire = errorToWire(error, requestId);
  if (wire.code === "INTERNAL") {
    console.error(JSON.stringify({ requestId, error: describe(error) }));
  }
  const hint = wire.hint === undefined ? "" : ` ${wire.hint}`;
  const details = JSON.stringify({ details: wire.details ?? {} });
  const shown = Object.keys(wire.details ?? {}).length > 0 && details.length <= detailsCharacters;
  return {
    isError: true,
    content: [
      { type: "text", text: `${wire.code}: ${wire.message}${hint}` },
      ...(shown ? [{ type: "text" as const, text: details }] : []),
    ],
  };
}
