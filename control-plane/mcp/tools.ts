import type { CallToolResult, ListToolsResult } from "@modelcontextprotocol/server";
import type { ToolListEntry } from "@trainyard/shared/tools/list-entries.ts";
import { toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import toolList from "../../schemas/tool-list.json" with { type: "json" };
import { highestScope } from "../http/auth.ts";
import { dispatch } from "../http/dispatch.ts";
import type { McpDoor } from "./mcp-door.ts";
import type { ToolCall } from "./offer.ts";

/** Made when the contracts change, not in a request: each tool costs half a millisecond, and the free plan allows ten. */
const written = toolList as unknown as Readonly<
  Record<"pictures" | "llm" | "all", ToolListEntry[]>
>;
/** Later ones win: each list has its own form of the few tools that have several. */
const entriesOf = (...parts: ToolListEntry[][]): ReadonlyMap<string, ToolListEntry> =>
  new Map(parts.flat().map((entry) => [entry.name, entry]));
const forPictures = entriesOf(written.pictures);
const forModels = entriesOf(written.pictures, written.llm);
const forAll = entriesOf(written.pictures, written.llm, written.all);
const lists = new Map<string, ListToolsResult>();

export function listTools({ toolset, principal }: McpDoor): ListToolsResult {
  const granted = highestScope(principal);
  const key = `${toolset}/${granted}`;
  let list = lists.get(key);
  if (list === undefined) {
    const entries = toolset === "llm" ? forModels : toolset === "all" ? forAll : forPictures;
    const tools = toolsOf(toolset, granted).map(({ name }) => entries.get(name));
    // Our entries are readonly; the SDK's type of the same JSON is not.
    list = { tools } as unknown as ListToolsResult;
    lists.set(key, list);
  }
  return list;
}

export async function runTool(
  door: McpDoor,
  { name, rawArguments, signal, progress }: Omit<ToolCall, "round" | "client">,
): Promise<CallToolResult> {
  const { answer } = await dispatch(door.env, door.settings, {
    name,
    rawArguments,
    principal: door.principal,
    door: "mcp",
    toolset: door.toolset,
    origin: door.origin,
    signal,
    ...(progress === null ? {} : { progress }),
  });
  return {
    content: [
      { type: "text", text: answer.text },
      ...(answer.pictures ?? []).map(({ mediaType, base64 }) => ({
        type: "image" as const,
        data: base64,
        mimeType: mediaType,
      })),
    ],
    structuredContent: { ...answer.data },
  };
}
