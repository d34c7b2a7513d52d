import { createMcpHandler, Server } from "@modelcontextprotocol/server";
import type { CallToolResult, ListToolsResult, ServerContext } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import type { Context } from "hono";
import { errorToWire } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { ToolListEntry } from "@trainyard/shared/tools/list-entries.ts";
import { toolsetPaths, toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import type { Toolset } from "@trainyard/shared/tools/toolsets.ts";
import toolList from "../../schemas/tool-list.json" with { type: "json" };
import { capabilities, cacheHints, offerBesideTools } from "../mcp/beside-tools.ts";
import type { McpDoor } from "../mcp/mcp-door.ts";
import type { Principal } from "../env.ts";
import { describe } from "../outcome.ts";
import { authenticate, highestScope } from "./auth.ts";
import { dispatch } from "./dispatch.ts";
import type { Door } from "./door.ts";
import { instructions } from "./instructions.ts";
import { version } from "./version.ts";

/** Streamable HTTP, stateless: the current revision and the 2025 ones at one address, a fresh server per request. */
export const mcp = new Hono<Door>();

for (const { path, toolset } of toolsetPaths) {
  mcp.all(path, async (c) => {
    const principal = await authenticate(c.req.raw.headers, c.get("settings"));
    const handler = createMcpHandler(({ era }) => buildServer(c, { principal, toolset, era }), {
      legacy: "stateless",
      responseMode: "auto",
      maxRequestBodySize: limits.mcpBodyBytes,
    });
    return handler.fetch(c.req.raw);
  });
}

/** The low-level server: nothing is registered per tool, so a call does not pay for the list. */
function buildServer(
  c: Context<Door>,
  { principal, toolset, era }: Pick<McpDoor, "principal" | "toolset" | "era">,
): Server {
  const server = new Server(
    { name: "trainyard", title: "Trainyard", version },
    { capabilities, instructions, cacheHints },
  );
  const { origin } = new URL(c.req.url);
  offerBesideTools(server, {
    env: c.env,
    settings: c.get("settings"),
    principal,
    toolset,
    origin,
    requestId: c.get("requestId"),
    era,
  });
  server.setRequestHandler("tools/list", () => listOf(toolset, principal));
  server.setRequestHandler("tools/call", async (request, context) => {
    const { name, arguments: rawArguments } = request.params;
    try {
      const progress = progressOf(context);
      const { answer } = await dispatch(c.env, c.get("settings"), {
        name,
        rawArguments,
        principal,
        door: "mcp",
        toolset,
        origin,
        signal: context.mcpReq.signal,
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
    } catch (error) {
      return failure(error, c.get("requestId"));
    }
  });
  return server;
}

/** Made when the contracts change, not in a request: each tool costs half a millisecond, and the free plan allows ten. */
const entries: ReadonlyMap<string, ToolListEntry> = new Map(
  (toolList as unknown as ToolListEntry[]).map((entry) => [entry.name, entry]),
);
const lists = new Map<string, ListToolsResult>();

function listOf(toolset: Toolset, principal: Principal): ListToolsResult {
  const granted = highestScope(principal);
  const key = `${toolset}/${granted}`;
  let list = lists.get(key);
  if (list === undefined) {
    const tools = toolsOf(toolset, granted).map(({ name }) => entries.get(name));
    // Our entries are readonly; the SDK's type of the same JSON is not.
    list = { tools } as unknown as ListToolsResult;
    lists.set(key, list);
  }
  return list;
}

/** The specification wants a strictly rising number; only for callers that gave a token, on their own stream. */
function progressOf(context: ServerContext) {
  const progressToken = context.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return null;
  let last = -1;
  return async (progress: {
    done: number;
    total: number | null;
    message: string;
  }): Promise<void> => {
    if (progress.done <= last) return;
    last = progress.done;
    await context.mcpReq.notify({
      method: "notifications/progress",
      params: {
        progressToken,
        progress: progress.done,
        ...(progress.total === null ? {} : { total: progress.total }),
        message: progress.message,
      },
    });
  };
}

const detailsCharacters = 800;

/** One code, what happened, what to do. Details are data and stand in a block of their own, where they are short. */
function failure(error: unknown, requestId: string): CallToolResult {
  const wire = errorToWire(error, requestId);
  if (wire.code === "INTERNAL") {
    console.error(JSON.stringify({ requestId, error: describe(error) }));
  }
  const hint = wire.hint === undefined ? "" : ` ${wire.hint}`;
  const details = JSON.stringify({ details: wire.details ?? {} });
  const shown = Object.keys(wire.details ?? {}).length > 0 && details.length <= detailsCharacters;
  return {
    isError: true,
    content: [
      { type: "text", text: `${wire.code}: ${wire.message}${hint}` },
      ...(shown ? [{ type: "text" as const, text: details }] : []),
    ],
  };
}
