import { cpus, freemem, totalmem } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import type { Time } from "../time.ts";
import { diskOf } from "./disks.ts";
import type { Disk } from "./disks.ts";
import { parseGpuProcesses, parseGpus, parseGpuUsers } from "./nvidia-smi.ts";
import type { GpuFact, GpuProcess, GpuUser, QueryGpus } from "./nvidia-smi.ts";
import type { SystemFacts } from "./system-facts.ts";
import type { GraphicsAnswer } from "./system-messages.ts";

export interface HostFacts {
  /** NVIDIA's, as its driver tells them; empty when there is none. Never throws. */
  gpus(): Promise<readonly GpuFact[]>;
  /** Processes that compute on NVIDIA cards, and what each holds; null where the driver does not tell. Never throws. */
  gpuProcesses(): Promise<readonly GpuProcess[] | null>;
  /** The same, with what is told of each; empty where nothing is. Never throws. */
  gpuUsers(): Promise<readonly GpuUser[]>;
  /** Graphics of any make, by name; for a box where `gpus` is empty. */
  graphics(): Promise<readonly GpuFact[]>;
  /** The disk is the one that holds `path`. */
  vitals(path: string): Promise<Vitals>;
  cores(): number;
}

interface Vitals {
  readonly cpuPercent: number | null;
  readonly memory: { readonly totalBytes: number; readonly usedBytes: number };
  readonly disk: Disk | null;
}

const keepMs = 1_000;
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
    async gpuUsers() {
      const text = (await queryGpuProcesses?.()) ?? null;
      return text === null ? [] : parseGpuUsers(text);
    },
    graphics: async () => graphicsFacts((await system.graphics()) ?? []),
    async vitals(path) {
      const found = await system.vitals(path);
      return {
        cpuPercent: found?.cpuPercent ?? (await ownCpuPercent()),
        memory: found?.memory ?? { totalBytes: totalmem(), usedBytes: totalmem() - freemem() },
        disk: found?.disk ?? (await diskOf(path)),
      };
    },
    cores: () => cpus().length,
  };
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

async function ownCpuPercent(): Promise<number | null> {
  const before = cpuTimes();
  await wait(cpuWindowMs);
  const after = cpuTimes();
  const all = after.all - before.all;
  return all <= 0 ? null : Math.round((1000 * (all - (after.idle - before.idle))) / all) / 10;
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
