import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { origin, rpc } from "./yard.ts";
import type { Yard } from "./yard.ts";

/** What both eras have in common is tested with the same client in both. */
export const eras = [
  ["2025", "legacy" as const],
  ["2026-07-28", { pin: "2026-07-28" }],
] as const;

export type Era = (typeof eras)[number][1];

/** A connected official client; the test closes it. */
export async function connectClient(
  yard: Yard,
  era: Era,
  path: string,
  scope: Scope = "admin",
): Promise<Client> {
  const made = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: era } });
  await made.connect(
    new StreamableHTTPClientTransport(new URL(origin + path), {
      fetch: (url, init) => yard.fetch(String(url), init),
      requestInit: { headers: { authorization: `Bearer ${yard.tokens[scope]}` } },
    }),
  );
  return made;
}

/** Headers and `_meta` of a raw request of the 2026-07-28 era. */
export const modernMeta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** One request of the 2026-07-28 era by a client that can do what is declared. */
export async function modernRpc(
  yard: Yard,
  method: string,
  params: Record<string, unknown>,
  options: { capabilities?: object; scope?: Scope; path?: string } = {},
): Promise<Record<string, any>> {
  const name = params["name"] ?? params["taskId"];
  return rpc(
    yard,
    options.path ?? "/mcp",
    method,
    {
      ...params,
      _meta: {
        ...modernMeta,
        "io.modelcontextprotocol/clientCapabilities": options.capabilities ?? {},
      },
    },
    {
      ...modernHeaders(method, typeof name === "string" ? name : undefined),
      authorization: `Bearer ${yard.tokens[options.scope ?? "admin"]}`,
    },
  );
}

export function modernHeaders(method: string, name?: string): Record<string, string> {
  return {
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    ...(name === undefined ? {} : { "mcp-name": name }),
  };
}
