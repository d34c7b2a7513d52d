import { complete } from "./completions.ts";
import { withConfirmation } from "./confirmation.ts";
import { cancelJob, jobTask, runAsTask } from "./job-tasks.ts";
import type { McpOffer } from "./offer.ts";
import { getPrompt, listPrompts } from "./prompts.ts";
import { listResources, listTemplates, readResource } from "./resources.ts";
import { listTools, runTool } from "./tools.ts";

/** Trainyard through MCP. */
export const productOffer: McpOffer = {
  listTools,
  callTool: (door, call) =>
    withConfirmation(call, (rawArguments) => {
      const confirmed = { ...call, rawArguments };
      return call.client.followsTasks ? runAsTask(door, confirmed) : runTool(door, confirmed);
    }),
  listPrompts,
  getPrompt: async (door, name, given) => getPrompt(door, name, given),
  listResources,
  listTemplates,
  readResource,
  complete,
  getTask: jobTask,
  updateTask: async (door, taskId) => {
    // A job asks for nothing while it runs. Who answers one that is there is thanked, as the extension wants it.
    await jobTask(door, taskId, new AbortController().signal);
  },
  cancelTask: cancelJob,
};
