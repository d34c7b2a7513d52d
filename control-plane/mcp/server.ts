import { inputRequired, ProtocolError } from "@modelcontextprotocol/server";
import type {
  CallToolResult,
  InputRequiredResult,
  Server,
  ServerContext,
  ServerOptions,
} from "@modelcontextprotocol/server";
import { limits } from "@trainyard/shared/limits.ts";
import { instructions } from "../http/instructions.ts";
import { version } from "../http/version.ts";
import type { Progress } from "../tools/context.ts";
import { abilitiesOf } from "./client-abilities.ts";
import { DoorServer } from "./door-server.ts";
import type { McpDoor } from "./mcp-door.ts";
import { isHanded, isQuestion } from "./offer.ts";
import type { McpOffer, Question, Round, ToolCall } from "./offer.ts";
import { requestStates } from "./request-state.ts";
import type { RequestStates } from "./request-state.ts";
import { tasksExtension } from "./task.ts";
import { answerTasks, newTask } from "./task-methods.ts";
import { toolFailure } from "./tool-failure.ts";

/** No list changes are announced: a stateless server has nobody to tell. */
export const capabilities = {
  tools: {},
  prompts: {},
  resources: {},
  completions: {},
} as const satisfies ServerOptions["capabilities"];

const byRelease = { ttlMs: limits.staticTtlMs, cacheScope: "private" } as const;

/** Lists of tools and prompts differ by token and change with a release only. */
const cacheHints: NonNullable<ServerOptions["cacheHints"]> = {
  "server/discover": byRelease,
  "tools/list": byRelease,
  "prompts/list": byRelease,
  "resources/templates/list": { ttlMs: limits.staticTtlMs, cacheScope: "public" },
  "resources/list": { ttlMs: limits.listTtlMs, cacheScope: "private" },
};

/**
 * One request's server, on the low level: nothing is registered per tool, so a call does not pay for the list, and each handler
 * does its work when it is asked.
 */
export function buildServer(door: McpDoor, offer: McpOffer): Server {
  const states = requestStates(door);
  const server = new DoorServer(
    { name: "trainyard", title: "Trainyard", version },
    {
      capabilities:
        door.era === "modern"
          ? { ...capabilities, extensions: { [tasksExtension]: {} } }
          : capabilities,
      instructions,
      cacheHints,
      requestState: { verify: (state, context) => states.verify(state, context) },
      // A 2025 client would have to be asked on a stream of its own and to answer to this very isolate.
      inputRequired: { legacyShim: false },
    },
    door.requestId,
  );
  offerTools(server, door, offer, states);
  offerBesideTools(server, door, offer, states);
  if (door.era === "modern") answerTasks(server, door, offer);
  return server;
}

function offerTools(server: Server, door: McpDoor, offer: McpOffer, states: RequestStates): void {
  server.setRequestHandler("tools/list", async () => offer.listTools(door));
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    const call: ToolCall = {
      name: params.name,
      rawArguments: params.arguments,
      signal: context.mcpReq.signal,
      round: roundOf(context),
      client: abilitiesOf(context),
      progress: progressOf(context),
    };
    try {
      const reply = await offer.callTool(door, call);
      if (isQuestion(reply)) return await asked(reply, states, context);
      // The SDK's result of a call does not know the extension's third kind.
      return isHanded(reply) ? (newTask(reply.task) as unknown as CallToolResult) : reply;
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      return toolFailure(error, door.requestId);
    }
  });
}

function offerBesideTools(
  server: Server,
  door: McpDoor,
  offer: McpOffer,
  states: RequestStates,
): void {
  server.setRequestHandler("prompts/list", async () => offer.listPrompts(door));
  server.setRequestHandler("prompts/get", async ({ params }, context) => {
    const given = params.arguments ?? {};
    const reply = await offer.getPrompt(door, params.name, given, roundOf(context));
    return isQuestion(reply) ? asked(reply, states, context) : reply;
  });
  server.setRequestHandler("resources/list", async ({ params }, { mcpReq }) =>
    offer.listResources(door, params?.cursor, mcpReq.signal),
  );
  server.setRequestHandler("resources/templates/list", async () => offer.listTemplates(door));
  server.setRequestHandler("resources/read", async ({ params }, { mcpReq }) =>
    offer.readResource(door, params.uri, mcpReq.signal),
  );
  server.setRequestHandler("completion/complete", async ({ params }, { mcpReq }) =>
    offer.complete(door, params, mcpReq.signal),
  );
}

async function asked(
  { ask, state }: Question,
  states: RequestStates,
  context: ServerContext,
): Promise<InputRequiredResult> {
  return inputRequired({
    inputRequests: ask,
    ...(state === undefined ? {} : { requestState: await states.mint(state, context) }),
  });
}

function roundOf({ mcpReq }: ServerContext): Round {
  return { responses: mcpReq.inputResponses ?? {}, state: mcpReq.requestState() };
}

/** The specification wants a strictly rising number; only for callers that gave a token, on their own stream. */
function progressOf(context: ServerContext): ToolCall["progress"] {
  const progressToken = context.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return null;
  let last = -1;
  return async ({ done, total, message }: Progress): Promise<void> => {
    if (done <= last) return;
    last = done;
    await context.mcpReq.notify({
      method: "notifications/progress",
      params: { progressToken, progress: done, ...(total === null ? {} : { total }), message },
    });
  };
}
