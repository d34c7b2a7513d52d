import { join } from "node:path";
import { z } from "zod";
import { clientsFolder, output } from "./client.ts";
import type { RealClient, Trained, Yard } from "./client.ts";

const said = z.object({
  revision: z.string().default(""),
  tools: z.number(),
  job_id: z.string(),
  download_url: z.string(),
  sha256: z.string(),
  ticks: z.number().optional(),
  calls: z.array(z.string()).default([]),
});

async function run(
  environment: string,
  script: string,
  { mcpUrl, token }: Yard,
  args: readonly string[],
): Promise<Trained> {
  const text = await output(
    join(clientsFolder, environment, "bin", "python"),
    [join(import.meta.dirname, script), mcpUrl, ...args],
    { ...process.env, TRAINYARD_TOKEN: token },
  );
  const line = text.trim().split("\n").at(-1) ?? "";
  const { revision, tools, job_id, download_url, sha256, ticks, calls } = said.parse(
    JSON.parse(line),
  );
  const note = ticks === undefined ? calls.join(", ") : `${ticks} progress messages`;
  return { revision, tools, jobId: job_id, downloadUrl: download_url, sha256, note };
}

const venv = (environment: string, packages: string): string => {
  const folder = join(clientsFolder, environment);
  return `python3 -m venv ${folder} && ${folder}/bin/pip install ${packages}`;
};

const pythonVersion = "2.3.0";

const python: readonly RealClient[] = ["auto", "legacy"].map((mode) => ({
  name: `Python mcp, mode ${mode}`,
  version: pythonVersion,
  needs: ["py-mcp/bin/python"],
  install: venv("py-mcp", `mcp==${pythonVersion}`),
  train: (yard, configName) =>
    run("py-mcp", "python_mcp.py", yard, [mode, yard.dataset, configName]),
}));

const langchain: RealClient = {
  name: "LangGraph agent over langchain-mcp-adapters",
  version: "0.3.2 (langchain 1.5.2, langgraph 1.2.24)",
  needs: ["py-langchain/bin/python"],
  install: venv("py-langchain", "langchain-mcp-adapters==0.3.2 langchain==1.5.2 langgraph==1.2.24"),
  async train(yard, configName) {
    const trained = await run("py-langchain", "langchain_agent.py", yard, [
      yard.dataset,
      configName,
    ]);
    // Its transport does not say; mcp 1.x speaks no later one.
    return { ...trained, revision: "2025-11-25" };
  },
};

export const pythonClients: readonly RealClient[] = [...python, langchain];
