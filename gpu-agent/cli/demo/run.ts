import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "@trainyard/shared/errors.ts";
import { judgeSafetensorsFile } from "../../models/safetensors-file.ts";
import type { ReadyLine } from "../up/start.ts";
import { connectTools } from "./mcp-tools.ts";
import type { McpTools } from "./mcp-tools.ts";
import { demoPictures } from "./pictures.ts";
import { createProgressBar } from "./progress-bar.ts";

export interface DemoOptions {
  readonly home: string;
  readonly ready: ReadyLine;
  readonly steps: number;
  readonly say: (line: string) => void;
  readonly terminal: boolean;
}

/** What `--json` prints; every field is checked before it is said. */
export interface DemoResult {
  readonly status: string;
  readonly job_id: string;
  readonly steps: number;
  readonly first_loss: number;
  readonly last_loss: number;
  readonly samples: readonly string[];
  readonly model: { readonly path: string; readonly size: number; readonly sha256: string };
  readonly seconds: number;
  readonly mcp_url: string;
}

const datasetName = "demo-shapes";
const configName = "demo-shapes-lora";
const pollMs = 300;

export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { say } = options;
  const startedAtMs = performance.now();
  const tools = await connectTools(options.ready.mcp_url, options.ready.token);
  try {
    say("Uploading six small pictures by link...");
    await uploadPictures(tools);
    say("Writing and validating the config...");
    await tools.call("create-training-config", {
      name: configName,
      model_name: "tiny",
      dataset_path: datasetName,
      steps: options.steps,
      trigger_word: "shp",
      test_prompts: ["a red circle", "a blue triangle"],
      overwrite: true,
    });
    const validation = await tools.call("validate-training-config", { config_name: configName });
    expect(validation.valid, "the demo's own config is not valid");

    say("Training with guardrails...");
    const run = await tools.call("run-training-with-guardrails", {
      config_name: configName,
      monitor_seconds: 0,
    });
    const jobId = run.job_id;
    if (jobId === undefined || jobId === null) throw failed("the training did not start");
    const job = await follow(tools, jobId, options);
    expect(job.status === "completed", `the job ended as ${job.status}, not as completed`);

    say("Downloading the model and the samples by link...");
    const output = join(options.home, "demo");
    const model = await download(tools, { job_id: jobId }, output);
    expect(model.expectedSha256 === model.sha256, "the model's hash is not the one Trainyard gave");
    expect(judgeSafetensorsFile(model.path)?.valid === true, "the model file is damaged");
    const full = await tools.call("get-training-status", { job_id: jobId, detail: "full" });
    const samples: string[] = [];
    for (const sample of full.samples ?? []) {
      const file = await download(
        tools,
        { job_id: jobId, kind: "sample", step: sample.step, index: sample.index },
        join(output, "samples"),
      );
      samples.push(file.path);
    }
    expect(samples.length > 0, "the training made no sample");
    const { first_loss: first, loss: last } = full;
    if (typeof first !== "number" || typeof last !== "number")
      throw failed("the losses are unknown");
    expect(last < first, "the loss did not fall");
    expect(full.current_step === options.steps, "the last step was not reached");
    return {
      status: full.status,
      job_id: jobId,
      steps: options.steps,
      first_loss: first,
      last_loss: last,
      samples,
      model: { path: model.path, size: model.bytes, sha256: model.sha256 },
      seconds: Math.round(performance.now() - startedAtMs) / 1_000,
      mcp_url: options.ready.mcp_url,
    };
  } finally {
    await tools.close();
  }
}

async function uploadPictures(tools: McpTools): Promise<void> {
  const link = await tools.call("create-upload-link", { dataset_name: datasetName });
  for (const picture of await demoPictures()) {
    const caption = picture.filename.replace(/\.png$/, ".txt");
    await put(`${link.upload_url}/${picture.filename}`, picture.png);
    await put(`${link.upload_url}/${caption}`, Buffer.from(picture.caption));
  }
}

async function put(url: string, body: Buffer): Promise<void> {
  const response = await fetch(url, {
    method: "PUT",
    body: new Uint8Array(body),
    headers: { "x-sha256": createHash("sha256").update(body).digest("hex") },
  });
  if (!response.ok)
    throw failed(
      `an upload was answered ${response.status}: ${(await response.text()).slice(0, 300)}`,
    );
}

async function follow(tools: McpTools, jobId: string, options: DemoOptions) {
  const bar = createProgressBar((text) => void process.stderr.write(text), options.terminal);
  try {
    for (;;) {
      const status = await tools.call("get-training-status", { job_id: jobId });
      bar.show({
        step: status.current_step ?? 0,
        total: status.total_steps ?? options.steps,
        loss: typeof status.loss === "number" ? status.loss : null,
        stepsPerSecond: status.steps_per_second ?? null,
        remainingSeconds: status.estimated_time_remaining ?? null,
        phase: status.phase ?? null,
      });
      if (["completed", "stopped", "failed", "interrupted"].includes(status.status)) return status;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } finally {
    bar.end();
  }
}

async function download(tools: McpTools, what: Record<string, unknown>, folder: string) {
  const link = await tools.call("create-download-link", what);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, link.filename);
  const response = await fetch(link.download_url);
  if (!response.ok || response.body === null)
    throw failed(`a download was answered ${response.status}`);
  const hash = createHash("sha256");
  let bytes = 0;
  const source = Readable.fromWeb(response.body);
  source.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.byteLength;
  });
  await pipeline(source, createWriteStream(path));
  return { path, bytes, sha256: hash.digest("hex"), expectedSha256: link.sha256 ?? null };
}

function failed(message: string): AppError {
  return new AppError("INTERNAL", `The demo failed: ${message}.`, {
    hint: "Run it again with --keep and look at get-training-status and get-training-logs.",
  });
}

function expect(condition: boolean, message: string): void {
  if (!condition) throw failed(message);
}
