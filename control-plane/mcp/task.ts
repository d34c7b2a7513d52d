import type { CallToolResult, InputRequests } from "@modelcontextprotocol/server";

/** The extension's own name. */
export const tasksExtension = "io.modelcontextprotocol/tasks";

interface TaskFacts {
  readonly taskId: string;
  readonly statusMessage?: string;
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  /** Null: kept for good. */
  readonly ttlMs: number | null;
  readonly pollIntervalMs?: number;
}

/** As the tasks extension has it on the wire. `failed` is for errors of the protocol alone: what a tool says is a result. */
export type Task = TaskFacts &
  (
    | { readonly status: "working" | "cancelled" }
    | { readonly status: "input_required"; readonly inputRequests: InputRequests }
    | { readonly status: "completed"; readonly result: CallToolResult }
    | {
        readonly status: "failed";
        readonly error: { readonly code: number; readonly message: string };
      }
  );
