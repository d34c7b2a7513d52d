import { inputRequired, MissingRequiredClientCapabilityError } from "@modelcontextprotocol/server";
import type { CallToolResult, InputRequests } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { ToolCall, ToolReply } from "../../../control-plane/mcp/offer.ts";
import { tasksExtension } from "../../../control-plane/mcp/task.ts";
import type { Task } from "../../../control-plane/mcp/task.ts";
import { filledIn, question } from "./asking-tools.ts";
import { says, tool } from "./fixture-tool.ts";
import type { FixtureTool } from "./fixture-tool.ts";

/** A task that ends by the clock or by answers; one isolate serves the suite, so memory is enough. */
interface Running {
  readonly createdAtMs: number;
  readonly endsAtMs: number;
  readonly pending: Map<string, InputRequests[string]>;
  readonly end:
    | { readonly result: CallToolResult }
    | { readonly error: { code: number; message: string } };
  cancelledAtMs: number | null;
}

const running = new Map<string, Running>();

function begin(end: Running["end"], seconds: number, pending: InputRequests = {}): ToolReply {
  const taskId = `task_${crypto.randomUUID()}`;
  const now = Date.now();
  running.set(taskId, {
    createdAtMs: now,
    endsAtMs: now + seconds * 1_000,
    pending: new Map(Object.entries(pending)),
    end,
    cancelledAtMs: null,
  });
  return { task: fixtureTask(taskId) as Task };
}

export function fixtureTask(taskId: string): Task | null {
  const found = running.get(taskId);
  if (found === undefined) return null;
  const iso = (ms: number) => new Date(ms).toISOString();
  const now = Date.now();
  const facts = {
    taskId,
    createdAt: iso(found.createdAtMs),
    lastUpdatedAt: iso(found.cancelledAtMs ?? Math.min(now, found.endsAtMs)),
    ttlMs: 600_000,
    pollIntervalMs: 200,
  };
  if (found.cancelledAtMs !== null) return { ...facts, status: "cancelled" };
  if (found.pending.size > 0) {
    const inputRequests = Object.fromEntries(found.pending);
    return { ...facts, status: "input_required", inputRequests };
  }
  if (now < found.endsAtMs) return { ...facts, status: "working" };
  return "result" in found.end
    ? { ...facts, status: "completed", result: found.end.result }
    : { ...facts, status: "failed", error: found.end.error };
}

export function updateFixture(
  taskId: string,
  responses: Readonly<Record<string, unknown>>,
): boolean {
  const found = running.get(taskId);
  for (const key of Object.keys(responses)) found?.pending.delete(key);
  return found !== undefined;
}

export function cancelFixture(taskId: string): boolean {
  const found = running.get(taskId);
  const task = fixtureTask(taskId);
  if (found !== undefined && (task?.status === "working" || task?.status === "input_required")) {
    found.cancelledAtMs = Date.now();
  }
  return found !== undefined;
}

const yes = (message: string, field = "confirm") =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: "object", properties: { [field]: { type: "boolean" } } },
  });

/** One that cannot answer at once. */
function requireTasks({ client }: ToolCall): void {
  if (client.followsTasks) return;
  throw new MissingRequiredClientCapabilityError({
    requiredCapabilities: { extensions: { [tasksExtension]: {} } },
  });
}

const slow = z.object({ seconds: z.number().default(1) });
const named = z.object({ name: z.string().default("") });
const done = { result: says("Done.") };

export const taskTools: readonly FixtureTool[] = [
  tool("greet", async ({ rawArguments }) =>
    says(`Hello, ${named.parse(rawArguments ?? {}).name}!`),
  ),
  tool("slow_compute", async ({ rawArguments, client }) =>
    client.followsTasks ? begin(done, slow.parse(rawArguments ?? {}).seconds) : done.result,
  ),
  tool("failing_job", async (call) => {
    requireTasks(call);
    return begin({ result: { ...says("It went wrong."), isError: true } }, 0.2);
  }),
  tool("protocol_error_job", async (call) => {
    requireTasks(call);
    return begin({ error: { code: -32_603, message: "Broken." } }, 0.1);
  }),
  tool("confirm_delete", async (call) => {
    requireTasks(call);
    return begin(done, 0, { [crypto.randomUUID()]: yes("Delete it?") });
  }),
  tool("multi_input", async (call) => {
    requireTasks(call);
    return begin(done, 0, {
      [crypto.randomUUID()]: yes("The first?"),
      [crypto.randomUUID()]: yes("The second?"),
    });
  }),
  tool("test_tool_with_task", async (call) => {
    requireTasks(call);
    const name = filledIn(call.round, "user_name", "name");
    return name === null
      ? question(["user_name"])
      : begin({ result: says(`Hello, ${name}!`) }, 0.1);
  }),
];
