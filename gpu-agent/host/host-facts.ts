import { accessSync, constants } from "node:fs";
import { statfs } from "node:fs/promises";
import { cpus, freemem, totalmem } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Log } from "../log.ts";
import { errorFields } from "../log.ts";
import type { Time } from "../time.ts";

export interface GpuFact {
  readonly index: number;
  readonly name: string;
  readonly memoryTotalMib: number | null;
  readonly memoryUsedMib: number | null;
  readonly utilizationPercent: number | null;
  readonly temperatureC: number | null;
  readonly powerW: number | null;
}

export interface HostFacts {
  /** Empty when there is no NVIDIA driver; never throws. */
  gpus(): Promise<readonly GpuFact[]>;
  cpuPercent(): Promise<number | null>;
  memory(): { readonly totalBytes: number; readonly usedBytes: number };
  disk(path: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number } | null>;
  cores(): number;
}

/** Runs nvidia-smi and returns its output, or null. */
export type QueryGpus = () => Promise<string | null>;

const keepMs = 1_000;
const gpuTimeoutMs = 5_000;
const cpuWindowMs = 150;

export function createHostFacts(deps: {
  readonly time: Time;
  readonly queryGpus: QueryGpus;
}): HostFacts {
  const { time, queryGpus } = deps;
  let gpus: { atMs: number; facts: Promise<readonly GpuFact[]> } | null = null;
  return {
    gpus() {
      if (gpus === null || time.monotonic() - gpus.atMs > keepMs) {
        gpus = {
          atMs: time.monotonic(),
          facts: queryGpus().then((text) => (text === null ? [] : parseGpus(text))),
        };
      }
      return gpus.facts;
    },
    async cpuPercent() {
      const before = cpuTimes();
      await wait(cpuWindowMs);
      const after = cpuTimes();
      const all = after.all - before.all;
      return all <= 0 ? null : Math.round((1000 * (all - (after.idle - before.idle))) / all) / 10;
    },
    memory: () => ({ totalBytes: totalmem(), usedBytes: totalmem() - freemem() }),
    disk: async (path) => {
      const stat = await statfs(path).catch(() => null);
      return stat === null
        ? null
        : { totalBytes: stat.blocks * stat.bsize, freeBytes: stat.bavail * stat.bsize };
    },
    cores: () => cpus().length,
  };
}

/** Looked up before execa is loaded: a box without the tool does not pay for it. */
export function nvidiaSmi(log: Log): QueryGpus {
  const program = findProgram("nvidia-smi");
  if (program === null) return async () => null;
  return async () => {
    try {
      const { execa } = await import("execa");
      const { stdout, exitCode } = await execa(
        program,
        [
          "--query-gpu=index,name,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw",
          "--format=csv,noheader,nounits",
        ],
        { timeout: gpuTimeoutMs, maxBuffer: 256 * 1024, reject: false },
      );
      return exitCode === 0 ? stdout : null;
    } catch (error) {
      log("warn", "nvidia-smi could not be asked", errorFields(error));
      return null;
    }
  };
}

/** One line a GPU: `0, NVIDIA RTX 4090, 24564, 512, 3, 41, 22.11`; what a card does not tell is `[N/A]`. */
export function parseGpus(csv: string): readonly GpuFact[] {
  const facts: GpuFact[] = [];
  for (const line of csv.split("\n").slice(0, 64)) {
    const cells = line.split(",").map((cell) => cell.trim());
    const [index, name, total, used, utilization, temperature, power] = cells;
    if (index === undefined || name === undefined || !/^\d+$/.test(index)) continue;
    facts.push({
      index: Number(index),
      name: name.slice(0, 120),
      memoryTotalMib: numberOrNull(total),
      memoryUsedMib: numberOrNull(used),
      utilizationPercent: numberOrNull(utilization),
      temperatureC: numberOrNull(temperature),
      powerW: numberOrNull(power),
    });
  }
  return facts;
}

function numberOrNull(text: string | undefined): number | null {
  if (text === undefined || text === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function cpuTimes(): { all: number; idle: number } {
  let all = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    all += times.user + times.nice + times.sys + times.idle + times.irq;
    idle += times.idle;
  }
  return { all, idle };
}

function findProgram(name: string): string | null {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (folder === "") continue;
    const path = join(folder, process.platform === "win32" ? `${name}.exe` : name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}
