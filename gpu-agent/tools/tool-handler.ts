import type { AgentToolName, ToolInput, ToolOutput } from "@trainyard/shared/tools/registry.ts";
import type { ToolAnswer } from "@trainyard/shared/tools/define-tool.ts";
import type { OperationContext } from "../operations/operation-context.ts";

export type AgentToolHandler<Name extends AgentToolName> = (
  input: ToolInput<Name>,
  context: OperationContext,
) => Promise<ToolAnswer<ToolOutput<Name>>>;

/** An answer from the box is live by nature; the edge rewrites it when it shows an older one. */
export function observedNow({ time }: OperationContext): {
  observed_at: string;
  connectivity: "live";
} {
  return { observed_at: new Date(time.now()).toISOString(), connectivity: "live" };
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 10_000) / 100;
}

export function gigabytes(bytes: number): number {
  return Math.round(bytes / 10_000_000) / 100;
}
