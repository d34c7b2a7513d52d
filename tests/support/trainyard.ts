import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import type { ReadyLine } from "../../gpu-agent/cli/up/start.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const command = join(root, "dist", "cli", "trainyard.js");

interface Answer {
  readonly status: number;
  // Tests read many shapes; each asserts what it reads.
  readonly data: Record<string, any>;
  readonly error: {
    code: string;
    message: string;
    hint: string | null;
    details: Record<string, any>;
  } | null;
  readonly body: Record<string, any>;
}

/** A real `trainyard up` in a home of its own, driven through its HTTP door. */
export interface Trainyard {
  readonly home: string;
  ready: ReadyLine;
  call(tool: string, args?: Record<string, unknown>): Promise<Answer>;
  upload(dataset: string, files: Readonly<Record<string, Buffer>>): Promise<void>;
  /** Kills `up` with the signal and waits until it is gone; the agent and workerd end by themselves. */
  endUp(signal: NodeJS.Signals): Promise<void>;
  /** Starts `up` again on the same home. */
  startUp(): Promise<void>;
  /** Pids of this moment; a restarted workerd or agent has another one than `ready` says. */
  pids(): { up: number; control_plane: number; agent: number };
  close(): Promise<void>;
}

export async function startTrainyard(
  options: { home?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Trainyard> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), "ty-"));
  let child: ChildProcess | null = null;
  const trainyard: Trainyard = {
    home,
    ready: {
      url: "",
      mcp_url: "",
      token: "",
      agent_id: "",
      pids: { up: 0, control_plane: 0, agent: 0 },
    },
    async call(tool, args = {}) {
      const response = await fetch(`${trainyard.ready.url}/mcp/tool`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${trainyard.ready.token}`,
          "content-type": "application/json",
        },
        body: JSON.stringify({ name: tool, arguments: args }),
      });
      const body = (await response.json()) as Record<string, any>;
      return {
        status: response.status,
        data: body["data"] ?? {},
        error: body["error"] ?? null,
        body,
      };
    },
    async upload(dataset, files) {
      const link = await trainyard.call("create-upload-link", { dataset_name: dataset });
      if (link.error !== null) throw new Error(JSON.stringify(link.error));
      for (const [name, bytes] of Object.entries(files)) {
        const response = await fetch(`${link.data["upload_url"]}/${encodeURIComponent(name)}`, {
          method: "PUT",
          body: new Uint8Array(bytes),
        });
        if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`);
      }
    },
    async startUp() {
      const started = spawn(
        process.execPath,
        [command, "up", "--json", "--port", "0", "--home", home],
        {
          env: { ...process.env, ...options.env },
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      child = started;
      let errors = "";
      started.stderr.on("data", (chunk: Buffer) => {
        errors += chunk.toString();
      });
      const line = await new Promise<string>((resolve, reject) => {
        createInterface({ input: started.stdout }).once("line", resolve);
        started.once("exit", (code) => reject(new Error(`up ended with ${code}: ${errors}`)));
      });
      trainyard.ready = JSON.parse(line) as ReadyLine;
    },
    async endUp(signal) {
      const running = child;
      if (running === null || running.exitCode !== null || running.signalCode !== null) return;
      const gone = new Promise((resolve) => running.once("exit", resolve));
      running.kill(signal);
      await gone;
    },
    pids() {
      return {
        up: trainyard.ready.pids.up,
        control_plane: Number(readFileSync(join(home, "run", "workerd.pid"), "utf8")),
        agent: (
          JSON.parse(readFileSync(join(home, "run", "agent.json"), "utf8")) as { pid: number }
        ).pid,
      };
    },
    async close() {
      await trainyard.endUp("SIGTERM");
      if (options.home === undefined) rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await trainyard.startUp();
  return trainyard;
}

/** Waits for something that real processes do, with a bound; polls, so that it is as quick as they are. */
export async function until<Value>(
  what: string,
  look: () => Promise<Value | null | undefined | false>,
  timeoutMs = 60_000,
): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = null;
  while (performance.now() < deadline) {
    try {
      const found = await look();
      if (found !== null && found !== undefined && found !== false) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: not within ${timeoutMs} ms (last: ${String(last)})`);
}

/** Small real pictures, different for every hue. */
export async function pictures(hue: number, count = 4): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < count; i += 1) {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" fill="hsl(${hue},60%,${20 + i * 15}%)"/><circle cx="${20 + i * 8}" cy="32" r="${8 + i * 3}" fill="hsl(${(hue + 140) % 360},80%,60%)"/></svg>`;
    files[`picture-${i}.png`] = await sharp(Buffer.from(svg)).png().toBuffer();
    files[`picture-${i}.txt`] = Buffer.from(`shape ${i} on ${hue}`);
  }
  return files;
}

export interface TruthStep {
  readonly step: number;
  readonly loss: number | "NaN";
}

/** What the trainer itself says it did; the newest entry of a step wins, as a resumed attempt repeats steps. */
export function readTruth(home: string, jobId: string, attempt = 1): TruthStep[] {
  const path = join(home, "jobs", jobId, String(attempt), "truth.jsonl");
  const steps: TruthStep[] = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "") continue;
    const entry = JSON.parse(line) as { t: string; step: number; loss: number | "NaN" };
    if (entry.t === "step") steps.push({ step: entry.step, loss: entry.loss });
  }
  return steps;
}

export async function readSeries(
  trainyard: Trainyard,
  jobId: string,
  key = "loss",
): Promise<TruthStep[]> {
  const response = await fetch(`${trainyard.ready.url}/jobs/${jobId}/metrics?key=${key}`, {
    headers: { authorization: `Bearer ${trainyard.ready.token}` },
  });
  const page = (await response.json()) as { steps: number[]; values: (number | "NaN")[] };
  return page.steps.map((step, i) => ({ step, loss: page.values[i] as number | "NaN" }));
}

export const terminal = new Set(["completed", "stopped", "failed", "interrupted"]);

export async function untilEnded(
  trainyard: Trainyard,
  jobId: string,
  timeoutMs = 120_000,
): Promise<Record<string, any>> {
  return until(
    `end of ${jobId}`,
    async () => {
      const answer = await trainyard.call("get-training-status", { job_id: jobId });
      return terminal.has(answer.data["status"]) ? answer.data : null;
    },
    timeoutMs,
  );
}
