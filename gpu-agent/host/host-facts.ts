import { accessSync, constants } from "node:fs";
import { statfs } from "node:fs/promises";
import { cpus, freemem, totalmem } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Log } from "../log.ts";
import { errorFields } from "../log.ts";
import type { Time } from "../time.ts";
import type { SystemFacts } from "./system-facts.ts";
import type { GraphicsAnswer } from "./system-messages.ts";

export interface GpuFact {
  readonly index: number;
  readonly name: string;
  readonly memoryTotalMib: number | null;
  readonly memoryUsedMib: number | null;
  readonly utilizationPercent: number | null;
  readonly temperatureC: number | null;
  readonly powerW: number | null;
}

export interface GpuProcess {
  readonly pid: number;
  readonly usedMib: number;
}

export interface HostFacts {
  /** NVIDIA's, as its driver tells them; empty when there is none. Never throws. */
  gpus(): Promise<readonly GpuFact[]>;
  /** Processes that compute on NVIDIA cards, and what each holds; null where the driver does not tell. Never throws. */
  gpuProcesses(): Promise<readonly GpuProcess[] | null>;
  /** Graphics of any make, by name; for a box where `gpus` is empty. */
  graphics(): Promise<readonly GpuFact[]>;
  /** The disk is the one that holds `path`. */
  vitals(path: string): Promise<Vitals>;
  cores(): number;
}

interface Vitals {
  readonly cpuPercent: number | null;
  readonly memory: { readonly totalBytes: number; readonly usedBytes: number };
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number } | null;
}

/** Runs nvidia-smi and returns its output, or null. */
export type QueryGpus = () => Promise<string | null>;

const keepMs = 1_000;
const gpuTimeoutMs = 5_000;
const cpuWindowMs = 150;

export function createHostFacts(deps: {
  readonly time: Time;
  readonly queryGpus: QueryGpus;
  readonly queryGpuProcesses?: QueryGpus;
  readonly system: Pick<SystemFacts, "vitals" | "graphics">;
}): HostFacts {
  const { time, queryGpus, queryGpuProcesses, system } = deps;
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
    async gpuProcesses() {
      const text = (await queryGpuProcesses?.()) ?? null;
      return text === null ? null : parseGpuProcesses(text);
    },
    graphics: async () => graphicsFacts((await system.graphics()) ?? []),
    async vitals(path) {
      const found = await system.vitals(path);
      return {
        cpuPercent: found?.cpuPercent ?? (await ownCpuPercent()),
        memory: found?.memory ?? { totalBytes: totalmem(), usedBytes: totalmem() - freemem() },
        disk: found?.disk ?? (await ownDisk(path)),
      };
    },
    cores: () => cpus().length,
  };
}

const cardsQuery =
  "--query-gpu=index,name,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw";
export const processesQuery = "--query-compute-apps=pid,used_gpu_memory";

/** Looked up before execa is loaded: a box without the tool does not pay for it. */
export function nvidiaSmi(log: Log, query = cardsQuery): QueryGpus {
  const program = findProgram("nvidia-smi");
  if (program === null) return async () => null;
  return async () => {
    try {
      const { execa } = await import("execa");
      const { stdout, exitCode } = await execa(program, [query, "--format=csv,noheader,nounits"], {
        timeout: gpuTimeoutMs,
        maxBuffer: 256 * 1024,
        reject: false,
      });
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

/**
 * One line a process and card: `4711, 5120`. Null when a process is there and its memory is not told (`[N/A]`: Windows, some
 * containers): a sum without it would be too small.
 */
export function parseGpuProcesses(csv: string): readonly GpuProcess[] | null {
  const found: GpuProcess[] = [];
  for (const line of csv.split("\n").slice(0, 1_024)) {
    const [pid = "", used] = line.split(",").map((cell) => cell.trim());
    if (!/^\d+$/.test(pid)) continue;
    const usedMib = numberOrNull(used);
    if (usedMib === null) return null;
    found.push({ pid: Number(pid), usedMib });
  }
  return found;
}

/** What servers and virtual machines draw their console with computes nothing. */
const consoleOnly =
  /aspeed|matrox|cirrus|virtio|vmware|virtualbox|innotek|qxl|bochs|qemu|hyper-v|basic (?:display|render)|remote display|standard vga/i;

export function graphicsFacts(
  controllers: NonNullable<GraphicsAnswer["controllers"]>,
): readonly GpuFact[] {
  return controllers
    .filter(({ vendor, model }) => vendor + model !== "" && !consoleOnly.test(`${vendor} ${model}`))
    .map(({ vendor, model, temperatureC }, index) => ({
      index,
      name: (model === "" ? vendor : model).slice(0, 120),
      memoryTotalMib: null,
      memoryUsedMib: null,
      utilizationPercent: null,
      temperatureC,
      powerW: null,
    }));
}

function numberOrNull(text: string | undefined): number | null {
  if (text === undefined || text === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

async function ownCpuPercent(): Promise<number | null> {
  const before = cpuTimes();
  await wait(cpuWindowMs);
  const after = cpuTimes();
  const all = after.all - before.all;
  return all <= 0 ? null : Math.round((1000 * (all - (after.idle - before.idle))) / all) / 10;
}

async function ownDisk(path: string): Promise<Vitals["disk"]> {
  const stat = await statfs(path).catch(() => null);
  return stat === null
    ? null
    : { totalBytes: stat.blocks * stat.bsize, freeBytes: stat.bavail * stat.bsize };
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
