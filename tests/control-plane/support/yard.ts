import { env } from "cloudflare:workers";
import { createExecutionContext } from "cloudflare:test";
import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { findTool } from "@trainyard/shared/tools/registry.ts";
import { expect } from "vitest";
import { app } from "../../../control-plane/app.ts";
import type { Env } from "../../../control-plane/env.ts";

export interface AgentKeys {
  readonly agentId: string;
  readonly publicKey: string;
  readonly privateKey: CryptoKey;
}

interface Answer {
  readonly status: number;
  // Tests read many shapes; each asserts what it reads.
  readonly data: Record<string, any>;
  readonly text: string;
  readonly error: {
    code: string;
    message: string;
    hint: string | null;
    details: Record<string, any>;
  } | null;
}

/** One owner with a whole Trainyard of its own: fresh objects, fresh keys, the real app in front. */
export interface Yard {
  readonly owner: string;
  readonly env: Env;
  readonly tokens: Readonly<Record<Scope, string>>;
  readonly agents: readonly AgentKeys[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** By any spelling or alias, over the bridge, and parsed by the tool's own contract. */
  call(tool: string, args?: Record<string, unknown>, scope?: Scope): Promise<Answer>;
  /** tools/call at MCP, 2025 era, raw. */
  mcp(tool: string, args?: Record<string, unknown>, path?: string): Promise<McpAnswer>;
}

export interface McpAnswer {
  readonly isError: boolean;
  readonly text: string;
  readonly data: Record<string, any>;
}

type Variable = Exclude<keyof Env, "HUB" | "JOB" | "TRANSFER">;

export const origin = "http://yard.test";
let serial = 0;

export async function createYard(
  options: { readonly agents?: number; readonly vars?: Partial<Pick<Env, Variable>> } = {},
): Promise<Yard> {
  const owner = `owner-${Date.now().toString(36)}-${(serial += 1)}`;
  const agents = await Promise.all(
    Array.from({ length: options.agents ?? 1 }, () => newAgentKeys()),
  );
  const tokens = { read: `r-${owner}`, train: `t-${owner}`, admin: `a-${owner}` };
  const grants = await Promise.all(
    Object.entries(tokens).map(async ([scope, token]) => ({
      id: `token-${scope}`,
      owner,
      sha256: await sha256Hex(new TextEncoder().encode(token)),
      scopes: [scope],
    })),
  );
  const yardEnv: Env = {
    ...(env as unknown as Env),
    TRAINYARD_HOSTS: "*",
    TRAINYARD_TOKENS: JSON.stringify(grants),
    TRAINYARD_AGENTS: JSON.stringify(
      agents.map(({ agentId, publicKey }) => ({ owner, agentId, publicKey })),
    ),
    TRAINYARD_LINK_KEY: "0123456789abcdef".repeat(4),
    ...options.vars,
  };
  const yard: Yard = {
    owner,
    env: yardEnv,
    tokens,
    agents,
    fetch: async (path, init) => {
      const request = new Request(path.startsWith("http") ? path : origin + path, init);
      // What the HTTP layer in front adds; here nothing is in front.
      const body = init?.body;
      if (
        (typeof body === "string" || body instanceof Uint8Array) &&
        !request.headers.has("content-length")
      ) {
        const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
        request.headers.set("content-length", String(bytes.byteLength));
      }
      return app.fetch(request, yardEnv, createExecutionContext());
    },
    async call(tool, args = {}, scope = "admin") {
      const response = await yard.fetch("/mcp/tool", {
        method: "POST",
        headers: { authorization: `Bearer ${tokens[scope]}`, "content-type": "application/json" },
        body: JSON.stringify({ name: tool, arguments: args }),
      });
      const body = (await response.json()) as Record<string, any>;
      if (body["ok"] === true) expectContract(tool, body["data"]);
      return {
        status: response.status,
        data: body["data"] ?? {},
        text:
          body["result"]?.findLast((item: { type: string }) => item.type === "text")?.text ?? "",
        error: body["error"] ?? null,
      };
    },
    async mcp(tool, args = {}, path = "/mcp") {
      const message = await rpc(yard, path, "tools/call", { name: tool, arguments: args });
      const result = message["result"] as Record<string, any>;
      const data = (result["structuredContent"] ?? {}) as Record<string, any>;
      if (result["isError"] !== true) expectContract(tool, data);
      return {
        isError: result["isError"] === true,
        text: (result["content"] as { text: string }[]).map(({ text }) => text).join("\n"),
        data,
      };
    },
  };
  return yard;
}

/** Every answer in every test is what its contract says, with nothing beside it. */
function expectContract(tool: string, data: unknown): void {
  const parsed = findTool(tool)?.output.safeParse(data);
  if (parsed === undefined) throw new Error(`there is no tool ${tool}`);
  expect(parsed.error?.issues ?? []).toEqual([]);
  expect(parsed.data).toEqual(data);
}

export async function newAgentKeys(): Promise<AgentKeys> {
  const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const raw = (await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer;
  return {
    agentId: `agent_${(serial += 1)}`,
    publicKey: btoa(String.fromCharCode(...new Uint8Array(raw))),
    privateKey: pair.privateKey,
  };
}

/** One JSON-RPC request of the 2025 era; reads JSON and event streams alike. */
export async function rpc(
  yard: Yard,
  path: string,
  method: string,
  params: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Record<string, any>> {
  const messages = await rpcMessages(yard, path, method, params, headers);
  const last = messages.at(-1);
  if (last === undefined) throw new Error("no answer");
  return last;
}

export async function rpcMessages(
  yard: Yard,
  path: string,
  method: string,
  params: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Record<string, any>[]> {
  const response = await yard.fetch(path, {
    method: "POST",
    headers: {
      authorization: `Bearer ${yard.tokens.admin}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const text = await response.text();
  if (response.headers.get("content-type")?.startsWith("text/event-stream") !== true) {
    return [JSON.parse(text) as Record<string, any>];
  }
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice(6)) as Record<string, any>);
}

/** Waits for something another object does; bounded, and quick when it is quick. */
export async function until<Value>(
  what: string,
  look: () => Promise<Value | null | false>,
): Promise<Value> {
  for (let i = 0; i < 200; i += 1) {
    const found = await look();
    if (found !== null && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: did not happen`);
}
