import type { Server, ServerOptions } from "@modelcontextprotocol/server";
import { limits } from "@trainyard/shared/limits.ts";
import { complete } from "./completions.ts";
import type { McpDoor } from "./mcp-door.ts";
import { getPrompt, listPrompts } from "./prompts.ts";
import { asProtocolErrors } from "./protocol-errors.ts";
import { listResources, listTemplates, readResource } from "./resources.ts";

/** No list changes are announced: a stateless server has nobody to tell. */
export const capabilities = {
  tools: {},
  prompts: {},
  resources: {},
  completions: {},
} as const satisfies ServerOptions["capabilities"];

const byRelease = { ttlMs: limits.staticTtlMs, cacheScope: "private" } as const;

/** Lists of tools and prompts differ by token and change with a release only. */
export const cacheHints: NonNullable<ServerOptions["cacheHints"]> = {
  "server/discover": byRelease,
  "tools/list": byRelease,
  "prompts/list": byRelease,
  "resources/templates/list": { ttlMs: limits.staticTtlMs, cacheScope: "public" },
  "resources/list": { ttlMs: limits.listTtlMs, cacheScope: "private" },
};

/** What MCP has beside tools. Each handler does its work when it is asked, so that a tool's call does not pay for it. */
export function offerBesideTools(server: Server, door: McpDoor): void {
  const answer = <Value>(work: () => Value | Promise<Value>): Promise<Value> =>
    asProtocolErrors(door.requestId, work);
  server.setRequestHandler("prompts/list", () => answer(() => listPrompts(door)));
  server.setRequestHandler("prompts/get", ({ params }) =>
    answer(() => getPrompt(door, params.name, params.arguments ?? {})),
  );
  server.setRequestHandler("resources/list", ({ params }, { mcpReq }) =>
    answer(() => listResources(door, params?.cursor, mcpReq.signal)),
  );
  server.setRequestHandler("resources/templates/list", () => answer(listTemplates));
  server.setRequestHandler("resources/read", ({ params }, { mcpReq }) =>
    answer(() => readResource(door, params.uri, mcpReq.signal)),
  );
  server.setRequestHandler("completion/complete", ({ params }, { mcpReq }) =>
    answer(() => complete(door, params, mcpReq.signal)),
  );
}
