import { MissingRequiredClientCapabilityError } from "@modelcontextprotocol/server";
import type { Server, ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { abilitiesOf } from "./client-abilities.ts";
import type { McpDoor } from "./mcp-door.ts";
import type { McpOffer } from "./offer.ts";
import { tasksExtension } from "./task.ts";
import type { Task } from "./task.ts";

const byId = { params: z.object({ taskId: z.string().max(200) }) };

/**
 * The tasks extension's three methods (SEP-2663), by hand: the SDK has none. Its `resultType` is written here, as the SDK knows
 * that of its own methods only.
 */
export function answerTasks(server: Server, door: McpDoor, offer: McpOffer): void {
  server.setRequestHandler("tasks/get", byId, async (params, context) => {
    requireExtension(context);
    const task = await offer.getTask(door, params.taskId, context.mcpReq.signal);
    return { ...task, resultType: "complete" };
  });
  server.setRequestHandler("tasks/update", byId, async (params, context) => {
    requireExtension(context);
    // The SDK takes them out of every request's parameters.
    await offer.updateTask(door, params.taskId, context.mcpReq.inputResponses ?? {});
    return { resultType: "complete" };
  });
  server.setRequestHandler("tasks/cancel", byId, async (params, context) => {
    requireExtension(context);
    await offer.cancelTask(door, params.taskId, context.mcpReq.signal);
    return { resultType: "complete" };
  });
}

/** The first sight of a task, in place of a call's result: without what only tasks/get tells. */
export function newTask(task: Task): Record<string, unknown> {
  const {
    taskId: id,
    status,
    statusMessage,
    createdAt,
    lastUpdatedAt,
    ttlMs,
    pollIntervalMs,
  } = task;
  return {
    resultType: "task",
    taskId: id,
    status,
    ...(statusMessage === undefined ? {} : { statusMessage }),
    createdAt,
    lastUpdatedAt,
    ttlMs,
    ...(pollIntervalMs === undefined ? {} : { pollIntervalMs }),
  };
}

function requireExtension(context: ServerContext): void {
  if (abilitiesOf(context).followsTasks) return;
  throw new MissingRequiredClientCapabilityError({
    requiredCapabilities: { extensions: { [tasksExtension]: {} } },
  });
}
