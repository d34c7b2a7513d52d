import { z } from "zod";
import { limits } from "../../limits.ts";
import { id, operation } from "./operation.ts";

function toolOperation(changes: boolean) {
  return operation({
    args: z.object({ tool: id, arguments: z.record(z.string(), z.unknown()) }),
    value: z.object({ data: z.record(z.string(), z.unknown()), text: z.string() }),
    changes,
    timeoutMs: limits.agentToolTimeoutMs,
  });
}

export const toolOperations = {
  /** A tool whose handler runs on the box and changes nothing. */
  tool: toolOperation(false),
  /** One that changes files of the box: ledgered, so that one call has one effect. */
  "change-tool": toolOperation(true),
} as const;
