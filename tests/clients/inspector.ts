import { join } from "node:path";
import { z } from "zod";
import { clientsFolder, output, trainByCalls } from "./client.ts";
import type { RealClient, Yard } from "./client.ts";

const version = "2.12.0";
const program = "npm/node_modules/.bin/inspector";

const called = z.object({
  result: z.object({
    isError: z.boolean().optional(),
    content: z.array(z.object({ text: z.string().optional() })),
    structuredContent: z.record(z.string(), z.unknown()).optional(),
  }),
});
const listed = z.object({ result: z.object({ tools: z.array(z.object({ name: z.string() })) }) });

/** The official Inspector's command line: a process for each request, in each of its three eras. */
export const inspectors: readonly RealClient[] = ["legacy", "auto", "modern"].map((era) => ({
  name: `MCP Inspector CLI, --protocol-era ${era}`,
  version,
  needs: [program],
  install: `npm install --prefix ${join(clientsFolder, "npm")} --save-exact @modelcontextprotocol/inspector@${version}`,
  async train(yard, configName) {
    const tools = listed.parse(await ask(yard, era, ["--method", "tools/list"])).result.tools;
    const trained = await trainByCalls(
      async (tool, args) => {
        const { result } = called.parse(
          await ask(yard, era, [
            "--method",
            "tools/call",
            "--tool-name",
            tool,
            "--tool-args-json",
            JSON.stringify(args),
          ]),
        );
        if (result.isError === true) throw new Error(result.content[0]?.text);
        return result.structuredContent ?? {};
      },
      yard,
      configName,
    );
    const revision = era === "legacy" ? "2025-11-25" : "2026-07-28";
    return { ...trained, revision, tools: tools.length, note: "a process for each call" };
  },
}));

async function ask(yard: Yard, era: string, args: readonly string[]): Promise<unknown> {
  const text = await output(join(clientsFolder, program), [
    "--cli",
    yard.mcpUrl,
    "--transport",
    "http",
    "--protocol-era",
    era,
    "--format",
    "json",
    "--header",
    `Authorization: Bearer ${yard.token}`,
    ...args,
  ]);
  return JSON.parse(text);
}
