import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { clientsFolder, trainByCalls } from "./client.ts";
import type { RealClient } from "./client.ts";

const version = "0.15.1";
const program = "npm/node_modules/.bin/mcp-remote";

/** The bridge that many settings of stdio clients name, under the official client of 2025. */
export const mcpRemote: RealClient = {
  name: "mcp-remote, under @modelcontextprotocol/sdk 1.x over stdio",
  version,
  needs: [program],
  install: `npm install --prefix ${join(clientsFolder, "npm")} --save-exact mcp-remote@${version}`,
  async train(yard, configName) {
    const client = new Client({ name: "clients", version: "1" });
    let revision = "";
    const transport = new StdioClientTransport({
      command: join(clientsFolder, program),
      args: [
        yard.mcpUrl,
        "--header",
        `Authorization:Bearer ${yard.token}`,
        "--transport",
        "http-only",
        "--allow-http",
      ],
      stderr: "ignore",
      env: { ...(process.env as Record<string, string>) },
    });
    // The client tells its transport what was agreed, where the transport wants to know.
    Object.assign(transport, { setProtocolVersion: (agreed: string) => (revision = agreed) });
    await client.connect(transport);
    let ticks = 0;
    try {
      const { tools } = await client.listTools();
      const trained = await trainByCalls(
        async (name, args) => {
          const result = await client.callTool({ name, arguments: args }, undefined, {
            onprogress: () => (ticks += 1),
          });
          if (result.isError === true) throw new Error(JSON.stringify(result.content));
          return result.structuredContent as Record<string, unknown>;
        },
        yard,
        configName,
      );
      return { ...trained, revision, tools: tools.length, note: `${ticks} progress messages` };
    } finally {
      await client.close();
    }
  },
};
