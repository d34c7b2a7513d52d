import { accessSync, constants } from "node:fs";
import { basename, delimiter, join } from "node:path";
import type { Log } from "../log.ts";
import { errorFields } from "../log.ts";

export interface GpuFact {
  readonly index: number;
  readonly name: string;
  readonly memoryTotalMib: number | null;
  readonly memoryUsedMib: number | null;
  readonly utilizationPercent: number | null;
  readonly temperatureC: number | null;
  readonly powerW: number | null;
  /** What only the wider question tells; missing where an older driver refused it. */
  readonly uuid?: string | null;
  readonly powerLimitW?: number | null;
  readonly driver?: string | null;
  /** Cut into instances: the card itself tells no load then. Null: this card cannot be. */
  readonly mig?: boolean | null;
}

export interface GpuProcess {
  readonly pid: number;
  readonly usedMib: number;
}

/** A process that computes on a card. The driver of some systems tells neither its memory nor its card. */
export interface GpuUser {
  readonly pid: number;
  readonly usedMib: number | null;
  readonly uuid: string | null;
  /** Of the program, without its folder. */
  readonly name: string | null;
}

/** Runs nvidia-smi and returns its output, or null. */
export type QueryGpus = () => Promise<string | null>;

const timeoutMs = 5_000;

/** What every driver that AI Toolkit runs with knows. */
const cardColumns =
  "index,name,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw";
/** The first column that a driver does not know makes it refuse the whole question. */
const moreColumns = ",uuid,power.limit,driver_version,mig.mode.current";
const processesQuery = "--query-compute-apps=pid,used_gpu_memory,gpu_uuid,process_name";
const plainProcessesQuery = "--query-compute-apps=pid,used_gpu_memory";

/** The cards, by the widest question that this driver answers. */
export function nvidiaCards(log: Log): QueryGpus {
  return firstAnswered(log, [
    `--query-gpu=${cardColumns}${moreColumns}`,
    `--query-gpu=${cardColumns}`,
  ]);
}

export function nvidiaProcesses(log: Log): QueryGpus {
  return firstAnswered(log, [processesQuery, plainProcessesQuery]);
}

/** Of several questions the first that is answered; one that was refused is not asked again. */
function firstAnswered(log: Log, queries: readonly string[]): QueryGpus {
  const ask = queries.map((query) => nvidiaSmi(log, query));
  let known = 0;
  return async () => {
    for (let at = known; at < ask.length; at += 1) {
      const answer = (await ask[at]?.()) ?? null;
      if (answer === null) continue;
      known = at;
      return answer;
    }
    return null;
  };
}

/** Looked up before execa is loaded: a box without the tool does not pay for it. */
function nvidiaSmi(log: Log, query: string): QueryGpus {
  const program = findProgram("nvidia-smi");
  if (program === null) return async () => null;
  return async () => {
    try {
      const { execa } = await import("execa");
      const { stdout, exitCode } = await execa(program, [query, "--format=csv,noheader,nounits"], {
        timeout: timeoutMs,
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

/**
 * One line a GPU: `0, NVIDIA RTX 4090, 24564, 512, 3, 41, 22.11`, then the wider columns. What a card does not tell is `[N/A]`
 * (drivers before 440: `[Not Supported]`), what the driver could not read `[Unknown Error]` or `[GPU is lost]`.
 */
export function parseGpus(csv: string): readonly GpuFact[] {
  const facts: GpuFact[] = [];
  for (const line of csv.split("\n").slice(0, 64)) {
    const cells = line.split(",").map((cell) => cell.trim());
    const [index, name, total, used, utilization, temperature, power] = cells;
    if (index === undefined || name === undefined || !/^\d+$/.test(index)) continue;
    const [uuid, powerLimit, driver, mig] = cells.slice(7);
    facts.push({
      index: Number(index),
      name: name.slice(0, 120),
      memoryTotalMib: numberOrNull(total),
      memoryUsedMib: numberOrNull(used),
      utilizationPercent: numberOrNull(utilization),
      temperatureC: numberOrNull(temperature),
      powerW: numberOrNull(power),
      ...(uuid === undefined
        ? {}
        : {
            uuid: textOrNull(uuid),
            powerLimitW: numberOrNull(powerLimit),
            driver: textOrNull(driver),
            mig: mig === "Enabled" ? true : mig === "Disabled" ? false : null,
          }),
    });
  }
  return facts;
}

/** One line a process and card: `4711, 5120, GPU-…, /usr/bin/python3`; older drivers give the first two. */
export function parseGpuUsers(csv: string): readonly GpuUser[] {
  const found: GpuUser[] = [];
  for (const line of csv.split("\n").slice(0, 1_024)) {
    const [pid = "", used, uuid, ...name] = line.split(",").map((cell) => cell.trim());
    if (!/^\d+$/.test(pid)) continue;
    // A program's own name may hold a comma.
    const program = basename(name.join(",").replaceAll("\\", "/")).slice(0, 80);
    found.push({
      pid: Number(pid),
      usedMib: numberOrNull(used),
      uuid: textOrNull(uuid),
      name: textOrNull(program),
    });
  }
  return found;
}

/**
 * What each process holds. Null when a process is there and its memory is not told (`[N/A]`: Windows, some containers): a sum
 * without it would be too small.
 */
export function parseGpuProcesses(csv: string): readonly GpuProcess[] | null {
  const found: GpuProcess[] = [];
  for (const { pid, usedMib } of parseGpuUsers(csv)) {
    if (usedMib === null) return null;
    found.push({ pid, usedMib });
  }
  return found;
}

function numberOrNull(text: string | undefined): number | null {
  if (text === undefined || text === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined || text === "" || /^\[.*\]$/.test(text) || text === "N/A"
    ? null
    : text.slice(0, 120);
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
