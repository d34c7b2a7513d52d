/**
 * Uploads a folder of pictures, trains a LoRA on it, watches, downloads the model and verifies it, as an MCP client. Needs Node 24 and
 * `npm install @modelcontextprotocol/client`.
 *
 *   TRAINYARD_URL=http://127.0.0.1:8787 TRAINYARD_TOKEN=ty_... node examples/train.ts pictures/ --name dog --trigger sks
 *
 * Each picture may have a caption beside it: dog1.jpg and dog1.txt. The address (without /mcp) and the token are
 * what `npm start` prints.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { parseArgs } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const { values: wish, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: "string", default: "first" },
    model: { type: "string", default: "tiny" },
    trigger: { type: "string" },
    steps: { type: "string", default: "100" },
    output: { type: "string" },
  },
});
const folder = positionals[0] ?? ".";
const url = process.env["TRAINYARD_URL"] ?? "http://127.0.0.1:8787";
const ended = new Set(["completed", "stopped", "failed", "interrupted"]);
const endings = new Set([".jpg", ".jpeg", ".png", ".webp", ".txt"]);

const client = new Client(
  { name: "train-example", version: "1" },
  { versionNegotiation: { mode: "auto" } },
);
await client.connect(
  new StreamableHTTPClientTransport(new URL("/mcp", url), {
    requestInit: { headers: { authorization: `Bearer ${process.env["TRAINYARD_TOKEN"] ?? ""}` } },
  }),
);

/** One tool. A refusal is a text: a code, what happened, and what to do. */
async function call(name: string, args: Record<string, unknown>): Promise<Record<string, any>> {
  const result = await client.callTool(
    { name, arguments: args },
    { onprogress: ({ message }) => console.log(message) },
  );
  if (result.isError === true) {
    const [first] = result.content;
    throw new Error(first?.type === "text" ? first.text : name);
  }
  return result.structuredContent as Record<string, any>;
}

async function upload(): Promise<void> {
  const link = await call("create-upload-link", { dataset_name: wish.name });
  const files = readdirSync(folder).filter((file) => endings.has(extname(file).toLowerCase()));
  for (const file of files.toSorted()) {
    const response = await fetch(`${link["upload_url"]}/${encodeURIComponent(file)}`, {
      method: "PUT",
      body: readFileSync(join(folder, file)),
    });
    if (!response.ok) throw new Error(`${file}: ${await response.text()}`);
    console.log(`uploaded ${file}`);
  }
}

/** Waits with the job, a window at a time, until it has ended; its state then. */
async function watch(jobId: string): Promise<string> {
  let cursor: string | null = null;
  for (;;) {
    const window: Record<string, any> = await call("watch-training-timeseries", {
      job_id: jobId,
      duration_seconds: 40,
      poll_interval_seconds: 2,
      ...(cursor === null ? {} : { cursor }),
    });
    if (ended.has(window["final_status"])) return window["final_status"];
    // Null when the window is over and the job is not: the next call begins another.
    cursor = window["cursor"];
  }
}

async function download(jobId: string, output: string): Promise<void> {
  const link = await call("create-download-link", { job_id: jobId });
  const response = await fetch(link["download_url"]);
  if (!response.ok || response.body === null) throw new Error(await response.text());
  const hash = createHash("sha256");
  const file = createWriteStream(output);
  for await (const part of response.body) {
    hash.update(part);
    if (!file.write(part)) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
  if (hash.digest("hex") !== link["sha256"]) throw new Error("The model is not what the box has.");
  console.log(`${output}: ${link["size"]} bytes, verified, sha256 ${link["sha256"]}`);
}

try {
  await upload();
  await call("create-training-config", {
    name: wish.name,
    model_name: wish.model,
    dataset_path: wish.name,
    steps: Number(wish.steps),
    overwrite: true,
    ...(wish.trigger === undefined ? {} : { trigger_word: wish.trigger }),
  });
  const checked = await call("validate-training-config", { config_name: wish.name });
  if (checked["valid"] !== true) throw new Error(JSON.stringify(checked["errors"]));
  const run = await call("run-training-with-guardrails", {
    config_name: wish.name,
    monitor_seconds: 0,
  });
  const jobId = String(run["job_id"]);
  console.log(`job ${jobId}`);
  if ((await watch(jobId)) !== "completed") {
    const status = await call("get-training-status", { job_id: jobId });
    throw new Error(`The job is ${status["status"]}: ${JSON.stringify(status["failure"])}`);
  }
  await download(jobId, wish.output ?? `${wish.name}.safetensors`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await client.close();
}
