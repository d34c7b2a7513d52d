import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { startTrainyard, terminal, until } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

/** A Python with torch, transformers, peft and accelerate; null where TRAINYARD_LLM_PYTHON names none. */
export const python: string | null = process.env["TRAINYARD_LLM_PYTHON"] || null;

/** Kept from run to run: it is always the same. */
const models = join(tmpdir(), "trainyard-real-models");
export const tinyModel = join(models, "tiny-llama");
/** The same with one weight that is NaN: so is every loss. */
export const spoiltModel = join(models, "spoilt-llama");

/** A Trainyard whose box trains language models, driven through the official MCP client at /mcp/llm. */
export interface LlmYard {
  readonly trainyard: Trainyard;
  tool(name: string, args?: Record<string, unknown>): Promise<Record<string, any>>;
  /** The code and the hint of a call that must be refused. */
  refusal(name: string, args: Record<string, unknown>): Promise<string>;
  /** The same call until its job has ended: it waits for it no longer than a call may. */
  settled(name: string, args: Record<string, unknown>): Promise<Record<string, any>>;
  /** Until it has ended, by the handle that the document knows. */
  ended(run: Handle): Promise<Record<string, any>>;
  steps(run: Handle, count: number): Promise<Record<string, any>>;
  pid(jobId: string, attempt: number): number;
  log(jobId: string, attempt: number, stream: "stdout" | "stderr"): string;
  close(): Promise<void>;
}

export interface Handle {
  readonly project_path: string;
  readonly run_id: string;
}

export function makeTinyModel(llmPython: string): void {
  mkdirSync(models, { recursive: true });
  const script = fileURLToPath(new URL("tiny-language-model.py", import.meta.url));
  execFileSync(llmPython, [script, tinyModel, spoiltModel], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

export async function openLlmYard(llmPython: string): Promise<LlmYard> {
  makeTinyModel(llmPython);
  const trainyard = await startTrainyard({
    env: { TRAINYARD_LLM_PYTHON: llmPython, CUDA_VISIBLE_DEVICES: "", HF_HUB_OFFLINE: "1" },
  });
  writeFileSync(join(trainyard.home, "policy.json"), JSON.stringify({ model_roots: [models] }));
  const client = new Client(
    { name: "real", version: "1" },
    { versionNegotiation: { mode: "auto" } },
  );
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${trainyard.ready.url}/mcp/llm`), {
      requestInit: { headers: { authorization: `Bearer ${trainyard.ready.token}` } },
    }),
  );
  const call = (name: string, args: Record<string, unknown>) =>
    client.callTool({ name, arguments: args }, { timeout: 120_000 });
  const progressUntil = (
    what: string,
    run: Handle,
    isThere: (progress: Record<string, any>) => boolean,
  ) =>
    until(
      `${what} of ${run.run_id}`,
      async () => {
        const progress = await yard.tool("monitor-training-progress", { ...run });
        return isThere(progress) ? progress : null;
      },
      400_000,
    );
  const yard: LlmYard = {
    trainyard,
    async tool(name, args = {}) {
      const result = await call(name, args);
      if (result.isError === true) throw new Error(JSON.stringify(result.content));
      return result.structuredContent as Record<string, any>;
    },
    async refusal(name, args) {
      const result = await call(name, args);
      if (result.isError !== true) throw new Error(`not refused: ${JSON.stringify(result)}`);
      return JSON.stringify(result.content);
    },
    settled: (name, args) =>
      until(
        name,
        async () => {
          const answer = await yard.tool(name, args);
          return ["running", "not_started"].includes(answer["status"]) ? null : answer;
        },
        400_000,
      ),
    ended: (run) => progressUntil("the end", run, ({ state }) => terminal.has(state)),
    steps: (run, count) =>
      progressUntil(`${count} steps`, run, (progress) => {
        if (terminal.has(progress["state"])) throw new Error(JSON.stringify(progress));
        return progress["current_iteration"] >= count;
      }),
    pid(jobId, attempt) {
      const handle = join(trainyard.home, "jobs", jobId, String(attempt), "handle.json");
      return (JSON.parse(readFileSync(handle, "utf8")) as { pid: number }).pid;
    },
    log: (jobId, attempt, stream) =>
      readFileSync(join(trainyard.home, "jobs", jobId, String(attempt), `${stream}.log`), "utf8"),
    async close() {
      await client.close();
      await trainyard.close();
    },
  };
  return yard;
}

/** Questions with an answer that follows from them; every third is of high quality. */
export function colours(count: number): Buffer {
  const rows = Array.from({ length: count }, (_, n) => ({
    instruction: `What colour is thing ${n}?`,
    output: `It is ${n % 2 === 0 ? "blue" : "red"}.`,
    quality: n % 3 === 0 ? 0.9 : 0.2,
  }));
  return Buffer.from(rows.map((row) => JSON.stringify(row)).join("\n"));
}
