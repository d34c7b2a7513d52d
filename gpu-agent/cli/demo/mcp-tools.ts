import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { AppError } from "@trainyard/shared/errors.ts";
import type { ToolName, ToolOutput } from "@trainyard/shared/tools/registry.ts";

/** The demo's only way to Trainyard: the public MCP door, through the official client. */
export interface McpTools {
  call<Name extends ToolName>(name: Name, args: Record<string, unknown>): Promise<ToolOutput<Name>>;
  close(): Promise<void>;
}

export async function connectTools(mcpUrl: string, token: string): Promise<McpTools> {
  const client = new Client(
    { name: "trainyard-demo", version: "0.1.0" },
    // Without it the client speaks the revision of 2025 also where the server knows the current one.
    { versionNegotiation: { mode: "auto" } },
  );
  await client.connect(
    new StreamableHTTPClientTransport(new URL(mcpUrl), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    }),
  );
  return {
    async call<Name extends ToolName>(
      name: Name,
      args: Record<string, unknown>,
    ): Promise<ToolOutput<Name>> {
      const result = await client.callTool({ name, arguments: args });
      if (result.isError === true) {
        const text = result.content
          .map((block) => (block.type === "text" ? block.text : ""))
          .join(" ");
        throw new AppError("INTERNAL", `${name} failed: ${text}`);
      }
      return result.structuredContent as ToolOutput<Name>;
    },
    close: () => client.close(),
  };
}
