import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { command } from "../support/trainyard.ts";

export interface Target {
  readonly url: string;
  readonly token: string;
}

interface Answer {
  readonly data: Readonly<Record<string, any>>;
  /** Of a refusal. */
  readonly code: string | null;
}

/** What both doors can do; a check is written once. */
export interface SmokeDoor {
  list(): Promise<readonly string[]>;
  call(tool: string, args: Readonly<Record<string, unknown>>): Promise<Answer>;
  close(): Promise<void>;
}

/** As an MCP client starts it: `trainyard mcp`. */
export async function openStdio({ url, token }: Target): Promise<SmokeDoor> {
  const client = new Client(
    { name: "smoke", version: "1" },
    { versionNegotiation: { mode: "auto" } },
  );
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [command, "mcp", "--url", url],
      env: { ...(process.env as Record<string, string>), TRAINYARD_TOKEN: token },
    }),
  );
  return {
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    async call(tool, args) {
      const result = await client.callTool({ name: tool, arguments: { ...args } });
      const [first] = result.content;
      const text = first?.type === "text" ? first.text : "";
      return {
        data: (result.structuredContent ?? {}) as Record<string, any>,
        code: result.isError === true ? (text.split(":")[0] ?? "") : null,
      };
    },
    close: () => client.close(),
  };
}

export async function openHttp({ url, token }: Target): Promise<SmokeDoor> {
  const ask = async (path: string, body?: unknown) => {
    const response = await fetch(url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, any>;
  };
  return {
    list: async () =>
      ((await ask("/mcp/tools"))["tools"] as { name: string }[]).map(({ name }) => name),
    async call(tool, args) {
      const body = await ask("/mcp/tool", { name: tool, arguments: args });
      return { data: body["data"] ?? {}, code: body["error"]?.code ?? null };
    },
    close: async () => undefined,
  };
}
