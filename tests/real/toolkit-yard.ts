import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import sharp from "sharp";
import { findToolkit } from "../../gpu-agent/trainers/ai-toolkit/installation.ts";
import type { ToolkitInstallation } from "../../gpu-agent/trainers/ai-toolkit/installation.ts";
import { startTrainyard, terminal, until } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";

/** The real toolkit, as the agent itself would find it; null where AI_TOOLKIT_PATH does not name one. */
export const toolkit: ToolkitInstallation | null = findNamed();

function findNamed(): ToolkitInstallation | null {
  if ((process.env["AI_TOOLKIT_PATH"] ?? "") === "") return null;
  const search = findToolkit(process.env);
  if (search.kind !== "found") throw new Error(`AI_TOOLKIT_PATH: ${JSON.stringify(search)}`);
  return search.installation;
}

/** Kept from run to run: it is always the same. */
export const models = join(tmpdir(), "trainyard-real-models");

/** A Trainyard with the toolkit on its box, driven through the official MCP client. */
export interface ToolkitYard {
  readonly trainyard: Trainyard;
  tool(name: string, args?: Record<string, unknown>): Promise<Record<string, any>>;
  /** What the client sees beside the structured answer. */
  content(name: string, args: Record<string, unknown>): Promise<Record<string, any>[]>;
  /** Saves the config and starts it; returns the job's id. */
  start(
    name: string,
    change?: TrainingChange,
    guardrails?: Record<string, unknown>,
  ): Promise<string>;
  status(jobId: string): Promise<Record<string, any>>;
  ended(jobId: string): Promise<Record<string, any>>;
  /** Waits until so many steps are made. */
  steps(jobId: string, count: number): Promise<Record<string, any>>;
  pid(jobId: string, attempt: number): number;
  close(): Promise<void>;
}

interface TrainingChange {
  readonly steps?: number;
  readonly lr?: number;
  readonly scheduler?: string;
  readonly dataset?: string;
  readonly saveEvery?: number;
  readonly sampleEvery?: number;
}

/** `ui`: the server of its Web UI, through which everything goes then. */
export async function openToolkitYard(
  { root, python }: ToolkitInstallation,
  ui: { readonly url: string; readonly token: string } = { url: "", token: "" },
): Promise<ToolkitYard> {
  buildPipeline(python);
  const trainyard = await startTrainyard({
    env: {
      AI_TOOLKIT_PATH: root,
      AI_TOOLKIT_PYTHON: python,
      CUDA_VISIBLE_DEVICES: "",
      AI_TOOLKIT_SERVER_URL: ui.url,
      AI_TOOLKIT_AUTH: ui.token,
    },
  });
  writeFileSync(join(trainyard.home, "policy.json"), JSON.stringify({ model_roots: [models] }));
  const client = new Client(
    { name: "real", version: "1" },
    { versionNegotiation: { mode: "auto" } },
  );
  await client.connect(
    new StreamableHTTPClientTransport(new URL(trainyard.ready.mcp_url), {
      requestInit: { headers: { authorization: `Bearer ${trainyard.ready.token}` } },
    }),
  );
  const call = async (name: string, args: Record<string, unknown>) =>
    client.callTool({ name, arguments: args }, { timeout: 120_000 });
  const yard: ToolkitYard = {
    trainyard,
    async tool(name, args = {}) {
      const result = await call(name, args);
      if (result.isError === true) throw new Error(JSON.stringify(result.content));
      return result.structuredContent as Record<string, any>;
    },
    content: async (name, args) => (await call(name, args)).content as Record<string, any>[],
    async start(name, change = {}, guardrails) {
      await yard.tool("create-training-config", { name, config: trainingConfig(name, change) });
      const started = await yard.tool(
        guardrails === undefined ? "start-training" : "run-training-with-guardrails",
        { config_name: name, ...guardrails },
      );
      return String(started["job_id"]);
    },
    status: (jobId) => yard.tool("get-training-status", { job_id: jobId, detail: "full" }),
    ended: (jobId) =>
      until(
        `the end of ${jobId}`,
        async () => {
          const status = await yard.status(jobId);
          return terminal.has(status["status"]) ? status : null;
        },
        400_000,
      ),
    steps: (jobId, count) =>
      until(
        `${count} steps of ${jobId}`,
        async () => {
          const status = await yard.status(jobId);
          if (terminal.has(status["status"])) throw new Error(JSON.stringify(status["failure"]));
          return (status["current_step"] ?? 0) >= count ? status : null;
        },
        400_000,
      ),
    pid(jobId, attempt) {
      const handle = join(trainyard.home, "jobs", jobId, String(attempt), "handle.json");
      return (JSON.parse(readFileSync(handle, "utf8")) as { pid: number }).pid;
    },
    async close() {
      await client.close();
      await trainyard.close();
    },
  };
  return yard;
}

function buildPipeline(python: string): void {
  mkdirSync(models, { recursive: true });
  const script = fileURLToPath(new URL("tiny-pipeline.py", import.meta.url));
  execFileSync(python, [script, join(models, "tiny-sd15")], {
    env: { ...process.env, CUDA_VISIBLE_DEVICES: "" },
    stdio: ["ignore", "ignore", "ignore"],
  });
}

/** Small and in full precision, as a CPU likes it; everything else as AI Toolkit's UI writes it. */
export function trainingConfig(name: string, change: TrainingChange): Record<string, unknown> {
  const { steps = 40, lr = 1e-4, scheduler = "constant", dataset = "noise" } = change;
  const process = {
    type: "diffusion_trainer",
    training_folder: "outputs",
    device: "cuda",
    trigger_word: "zxq",
    performance_log_every: 10,
    network: { type: "lora", linear: 4, linear_alpha: 4 },
    save: { dtype: "fp32", save_every: change.saveEvery ?? 15, max_step_saves_to_keep: 4 },
    datasets: [
      {
        folder_path: `datasets/${dataset}`,
        caption_ext: "txt",
        resolution: [64],
        cache_latents_to_disk: true,
        num_workers: 0,
      },
    ],
    train: {
      steps,
      lr,
      optimizer: "adamw",
      lr_scheduler: scheduler,
      batch_size: 1,
      dtype: "fp32",
      noise_scheduler: "ddpm",
      gradient_checkpointing: false,
    },
    logging: { log_every: 1, use_ui_logger: true },
    model: { name_or_path: "tiny-sd15", arch: "sd15" },
    sample: {
      sampler: "ddpm",
      width: 64,
      height: 64,
      sample_steps: 2,
      sample_every: change.sampleEvery ?? 20,
      seed: 42,
      walk_seed: true,
      guidance_scale: 7,
      neg: "",
      samples: [{ prompt: "[trigger] one" }, { prompt: "[trigger] two" }],
    },
  };
  return {
    job: "extension",
    config: { name, process: [process] },
    meta: { name: "[name]", version: "1.0" },
  };
}

export async function noisePictures(count: number): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (let n = 0; n < count; n += 1) {
    const side = 64 + 16 * n;
    const pixels = Buffer.from(
      Array.from({ length: side * side * 3 }, (_, at) => (at * 7919 + n * 104_729) % 251),
    );
    const picture = sharp(pixels, { raw: { width: side, height: side, channels: 3 } });
    files[`picture-${n}.png`] = await picture.png().toBuffer();
    files[`picture-${n}.txt`] = Buffer.from(`picture ${n}`);
  }
  return files;
}

/** One key of a job's `loss_log.db`, row for row; a NaN is kept there as 0. */
export function lossLog(
  home: string,
  output: string,
  key: string,
): { step: number; value: number }[] {
  return rowsOfLossLog(join(home, "outputs", output), key);
}

export function rowsOfLossLog(folder: string, key: string): { step: number; value: number }[] {
  const path = join(folder, "loss_log.db");
  if (!existsSync(path)) return [];
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database
    .prepare("SELECT step, value_real AS value FROM metrics WHERE key = ? ORDER BY step")
    .all(key);
  database.close();
  return rows.map((row) => ({ step: Number(row["step"]), value: Number(row["value"]) }));
}

/** The same key as Trainyard has it, all pages of it. */
export async function seriesOf(
  { ready }: Trainyard,
  jobId: string,
  key: string,
): Promise<{ step: number; value: number | "NaN" }[]> {
  const points: { step: number; value: number | "NaN" }[] = [];
  for (let from: number | null = 0; from !== null;) {
    const response: Response = await fetch(
      `${ready.url}/jobs/${jobId}/metrics?key=${key}&from=${from}&limit=1000`,
      { headers: { authorization: `Bearer ${ready.token}` } },
    );
    const page = (await response.json()) as {
      steps: number[];
      values: (number | "NaN")[];
      next: number | null;
    };
    points.push(...page.steps.map((step, at) => ({ step, value: page.values[at] ?? "NaN" })));
    from = page.next;
  }
  return points;
}
