import type {
  CallToolResult,
  CompleteRequestParams,
  CompleteResult,
  GetPromptResult,
  ListPromptsResult,
  ListResourcesResult,
  ListResourceTemplatesResult,
  ListToolsResult,
  ReadResourceResult,
} from "@modelcontextprotocol/server";
import type { Progress } from "../tools/context.ts";
import type { McpDoor } from "./mcp-door.ts";

/**
 * What is served through the door: the door itself knows revisions and how a failure is told, and nothing of
 * trainings. The product's offer is `product-offer.ts`; the conformance suite brings its fixtures as another one.
 */
export interface McpOffer {
  listTools(door: McpDoor): ListToolsResult;
  /** Throws AppError for what the caller did wrong. */
  callTool(door: McpDoor, call: ToolCall): Promise<CallToolResult>;
  listPrompts(door: McpDoor): ListPromptsResult;
  getPrompt(
    door: McpDoor,
    name: string,
    given: Readonly<Record<string, string>>,
  ): Promise<GetPromptResult>;
  listResources(
    door: McpDoor,
    cursor: string | undefined,
    signal: AbortSignal,
  ): Promise<ListResourcesResult>;
  listTemplates(door: McpDoor): ListResourceTemplatesResult;
  readResource(door: McpDoor, uri: string, signal: AbortSignal): Promise<ReadResourceResult>;
  complete(
    door: McpDoor,
    params: CompleteRequestParams,
    signal: AbortSignal,
  ): Promise<CompleteResult>;
}

export interface ToolCall {
  readonly name: string;
  readonly rawArguments: unknown;
  readonly signal: AbortSignal;
  /** Null: the caller gave no token for it. */
  readonly progress: ((progress: Progress) => Promise<void>) | null;
}
