import type { GetPromptResult, ListPromptsResult } from "@modelcontextprotocol/server";
import {
  findPrompt,
  promptListEntry,
  promptsFor,
  promptText,
} from "@trainyard/shared/prompts/registry.ts";
import { highestScope } from "../http/auth.ts";
import { offeredTools, requireRead } from "./mcp-door.ts";
import type { McpDoor } from "./mcp-door.ts";

/** One list for each path and scope, made once in an isolate. */
const lists = new Map<string, ListPromptsResult>();

export function listPrompts(door: McpDoor): ListPromptsResult {
  requireRead(door.principal);
  const key = `${door.toolset}/${highestScope(door.principal)}`;
  let list = lists.get(key);
  if (list === undefined) {
    // Our entries are readonly; the SDK's type of the same JSON is not.
    list = {
      prompts: promptsFor(offeredTools(door)).map(promptListEntry),
    } as unknown as ListPromptsResult;
    lists.set(key, list);
  }
  return list;
}

export function getPrompt(
  door: McpDoor,
  name: string,
  given: Readonly<Record<string, string>>,
): GetPromptResult {
  requireRead(door.principal);
  const offered = offeredTools(door);
  const prompt = findPrompt(name, offered);
  return {
    description: prompt.description,
    messages: [
      { role: "user", content: { type: "text", text: promptText(prompt, given, offered) } },
    ],
  };
}
