import type {
  CallToolResult,
  CompleteRequestParams,
  CompleteResult,
  GetPromptResult,
  InputRequests,
  ListPromptsResult,
  ListResourcesResult,
  ListResourceTemplatesResult,
  ListToolsResult,
  ReadResourceResult,
} from "@modelcontextprotocol/server";
import type { Progress } from "../tools/context.ts";
import type { ClientAbilities } from "./client-abilities.ts";
import type { McpDoor } from "./mcp-door.ts";
import type { Task } from "./task.ts";

/**
 * What is served through the door: the door itself knows revisions, rounds, tasks and how a failure is told, and nothing of
 * trainings. The product's offer is `product-offer.ts`; the conformance suite brings its fixtures as another one.
 */
export interface McpOffer {
  listTools(door: McpDoor): ListToolsResult;
  /** Throws AppError for what the caller did wrong. */
  callTool(door: McpDoor, call: ToolCall): Promise<ToolReply>;
  listPrompts(door: McpDoor): ListPromptsResult;
  getPrompt(
    door: McpDoor,
    name: string,
    given: Readonly<Record<string, string>>,
    round: Round,
  ): Promise<GetPromptResult | Question>;
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
  /** Of the three, each throws JOB_NOT_FOUND for an id that is nobody's or another owner's. */
  getTask(door: McpDoor, taskId: string, signal: AbortSignal): Promise<Task>;
  updateTask(
    door: McpDoor,
    taskId: string,
    responses: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  cancelTask(door: McpDoor, taskId: string, signal: AbortSignal): Promise<void>;
}

export interface ToolCall {
  readonly name: string;
  readonly rawArguments: unknown;
  readonly signal: AbortSignal;
  readonly round: Round;
  readonly client: ClientAbilities;
  /** Null: the caller gave no token for it. */
  readonly progress: ((progress: Progress) => Promise<void>) | null;
}

/** A call that is repeated with what was asked for. */
export interface Round {
  /** By the keys of the question; written by the client, so anything may be in it. */
  readonly responses: Readonly<Record<string, unknown>>;
  /** What the question was sent with, proven to be ours and for this caller; undefined in the first round. */
  readonly state: unknown;
}

export interface Question {
  readonly ask: InputRequests;
  /** Comes back in the round's `state`; signed, not secret. */
  readonly state?: unknown;
}

/** In place of waiting with the work. */
export interface Handed {
  readonly task: Task;
}

export type ToolReply = CallToolResult | Question | Handed;

export function isQuestion(reply: object): reply is Question {
  return "ask" in reply;
}

export function isHanded(reply: object): reply is Handed {
  return "task" in reply && !("content" in reply);
}
