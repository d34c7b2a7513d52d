import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";

/** The trainer as an agent starts it: a real process. */
const trainer = join(import.meta.dirname, "../../../../gpu-agent/trainers/tiny/main.ts");

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Fact {
  readonly t: string;
  readonly step: number;
  readonly loss: number | "NaN";
  readonly path: string;
  readonly final: boolean;
  readonly how: string;
  readonly start_step: number;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "tiny-trainer-"));
}

/** Four pictures of 32 × 32 with captions; another `variant` gives other pictures. */
export function writeDataset(folder: string, variant = 0): string {
  mkdirSync(folder, { recursive: true });
  ["disc", "bars", "cross", "ramp"].forEach((shape, index) => {
    const hue = (index + variant * 2) % 4;
    const picture = png(32, (x, y) => {
      const u = x / 32 - 0.5;
      const v = y / 32 - 0.5;
      const inside = [
        u * u + v * v < 0.1,
        Math.floor(x / 8) % 2 === 0,
        Math.abs(u) < 0.15 || Math.abs(v) < 0.15,
        u + v > 0,
      ][(index + variant) % 4];
      return [inside ? 230 : 20, hue * 70, inside ? 40 : 40 * hue];
    });
    writeFileSync(join(folder, `${index}.png`), picture);
    writeFileSync(join(folder, `${index}.txt`), `a ${shape} on paper`);
  });
  return folder;
}

export interface JobOptions {
  readonly name?: string;
  readonly root: string;
  readonly dataset: string;
  readonly steps?: number;
  readonly lr?: number;
  readonly saveEvery?: number;
  readonly sampleEvery?: number;
  readonly prompts?: readonly string[];
  /** File with the job's table. */
  readonly table?: string;
}

/** Writes the config and says where everything will be. */
export function writeJob(options: JobOptions): {
  readonly configPath: string;
  readonly output: string;
} {
  const { name = "toy", root, dataset, steps = 120, lr = 1e-4, saveEvery = 50 } = options;
  const configPath = join(root, `${name}.json`);
  const process = {
    type: "diffusion_trainer",
    training_folder: join(root, "output"),
    ...(options.table === undefined ? {} : { sqlite_db_path: options.table }),
    trigger_word: "zxq",
    network: { type: "lora", linear: 32, linear_alpha: 32 },
    save: { save_every: saveEvery, max_step_saves_to_keep: 2 },
    datasets: [{ folder_path: dataset, caption_ext: "txt", resolution: [32] }],
    train: { steps, lr, batch_size: 1 },
    model: { name_or_path: "tiny", arch: "tiny" },
    sample: {
      sample_every: options.sampleEvery ?? 0,
      width: 32,
      height: 32,
      seed: 42,
      prompts: options.prompts ?? ["[trigger] a disc on paper"],
    },
  };
  writeFileSync(
    configPath,
    JSON.stringify({ job: "extension", config: { name, process: [process] }, meta: {} }),
  );
  return { configPath, output: join(root, "output", name) };
}

export function startTrainer(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ending> } {
  const child = spawn(process.execPath, [trainer, ...args], {
    env: { ...process.env, TRAINYARD_TINY_PIXELS: "64", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ending>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

export function runTrainer(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  return startTrainer(args, environment).ended;
}

export function readTruth(output: string): Fact[] {
  const path = join(output, "truth.jsonl");
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Fact);
}

export function losses(output: string): (number | "NaN")[] {
  return readTruth(output)
    .filter((fact) => fact.t === "step")
    .map((fact) => fact.loss);
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function png(side: number, colour: (x: number, y: number) => number[]): Buffer {
  const rows = Array.from({ length: side }, (_, y) => [
    0,
    ...Array.from({ length: side }, (_, x) => colour(x, y)).flat(),
  ]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.from(rows.flat()))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
