import { complete } from "./completions.ts";
import { withConfirmation } from "./confirmation.ts";
import type { McpOffer } from "./offer.ts";
import { getPrompt, listPrompts } from "./prompts.ts";
import { listResources, listTemplates, readResource } from "./resources.ts";
import { listTools, runTool } from "./tools.ts";

/** Trainyard through MCP. */
export const productOffer: McpOffer = {
  listTools,
  callTool: (door, call) =>
    withConfirmation(call, (rawArguments) => runTool(door, { ...call, rawArguments })),
  listPrompts,
  getPrompt: async (door, name, given) => getPrompt(door, name, given),
  listResources,
  listTemplates,
  readResource,
  complete,
};
