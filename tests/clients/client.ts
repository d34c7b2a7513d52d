import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where other people's programs are installed, outside the project. */
export const clientsFolder =
  process.env["TRAINYARD_CLIENTS_DIR"] ?? join(homedir(), ".cache", "trainyard-clients");

export interface Yard {
  readonly mcpUrl: string;
  readonly token: string;
  /** A dataset that is on the box. */
  readonly dataset: string;
}

export interface Trained {
  /** As the client itself says, where it does. */
  readonly revision: string;
  readonly tools: number;
  readonly jobId: string;
  readonly downloadUrl: string;
  readonly sha256: string;
  /** What else is worth a line. */
  readonly note: string;
}

/** Somebody else's MCP client that connects with a token and trains, up to a link to the finished model. */
export interface RealClient {
  readonly name: string;
  readonly version: string;
  /** Programs that must be there, below `clientsFolder`. */
  readonly needs: readonly string[];
  readonly install: string;
  train(yard: Yard, configName: string): Promise<Trained>;
}

export function missing(client: RealClient): string[] {
  return client.needs.filter((path) => !existsSync(join(clientsFolder, path)));
}

/** Standard output of a program that ended well. */
export async function output(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}: ${text}${errors}`);
  return text;
}

type Structured = Readonly<Record<string, unknown>>;

/** For clients that only carry calls: the calls of a first training, each with what the one before answered. */
export async function trainByCalls(
  call: (tool: string, args: Structured) => Promise<Structured>,
  { dataset }: Yard,
  configName: string,
): Promise<Pick<Trained, "jobId" | "downloadUrl" | "sha256">> {
  await call("create-training-config", {
    name: configName,
    model_name: "tiny",
    dataset_path: dataset,
    steps: 60,
    test_prompts: ["shape 1 on 20"],
  });
  const run = await call("run-training-with-guardrails", {
    config_name: configName,
    monitor_seconds: 40,
    poll_interval_seconds: 2,
  });
  const jobId = String(run["job_id"]);
  let cursor = run["cursor"];
  while (typeof cursor === "string") {
    const args = { job_id: jobId, cursor, duration_seconds: 600, poll_interval_seconds: 2 };
    const watched = await call("watch-training-timeseries", args);
    cursor = watched["done"] === true ? null : watched["cursor"];
  }
  const link = await call("create-download-link", { job_id: jobId });
  return {
    jobId,
    downloadUrl: String(link["download_url"]),
    sha256: String(link["sha256"]),
  };
}
