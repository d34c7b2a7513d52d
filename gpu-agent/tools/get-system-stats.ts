import type { GpuFact } from "../host/host-facts.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { gigabytes, observedNow } from "./tool-handler.ts";

export const getSystemStats: AgentToolHandler<"get-system-stats"> = async ({ detail }, context) => {
  const { host, home, supervisor, trainers } = context;
  const [nvidia, { cpuPercent, memory, disk }, facts] = await Promise.all([
    host.gpus(),
    host.vitals(home.outputs),
    trainers.facts(),
  ]);
  const gpus = nvidia.length > 0 ? nvidia : await host.graphics();
  const [first] = gpus;
  const activeJobs = supervisor.liveJobs().length;
  const diskPercent =
    disk === null ? null : percent(disk.totalBytes - disk.freeBytes, disk.totalBytes);
  const full = detail !== "concise";
  return {
    data: {
      gpus: gpus.map((gpu) => ({
        index: gpu.index,
        name: gpu.name,
        memory_used_mb: gpu.memoryUsedMib,
        memory_total_mb: gpu.memoryTotalMib,
        utilization_pct: gpu.utilizationPercent,
        ...(full ? { temperature_c: gpu.temperatureC, power_w: gpu.powerW } : {}),
      })),
      gpu_name: first?.name ?? null,
      gpu_memory_used: first?.memoryUsedMib ?? null,
      gpu_memory_total: first?.memoryTotalMib ?? null,
      gpu_utilization: first?.utilizationPercent ?? null,
      ...(full
        ? {
            gpu: {
              cuda_available: nvidia.length > 0,
              ...(nvidia.length > 0
                ? {}
                : { note: "nvidia-smi was not found or answered nothing." }),
            },
            cpu_cores: host.cores(),
            system_memory: {
              used_gb: gigabytes(memory.usedBytes),
              total_gb: gigabytes(memory.totalBytes),
            },
            disk_space:
              disk === null
                ? null
                : { free_gb: gigabytes(disk.freeBytes), total_gb: gigabytes(disk.totalBytes) },
          }
        : {}),
      cpu_percent: cpuPercent,
      ram_used_gb: gigabytes(memory.usedBytes),
      ram_total_gb: gigabytes(memory.totalBytes),
      memory_percent: percent(memory.usedBytes, memory.totalBytes),
      disk_usage_percent: diskPercent,
      active_jobs: activeJobs,
      trainers: [...facts],
      ...observedNow(context),
    },
    text: `${gpuText(nvidia, gpus)}; ${activeJobs} active job${activeJobs === 1 ? "" : "s"}; disk ${diskPercent ?? "?"} % used. Call list-training-jobs for the jobs.`,
  };
};

function gpuText(nvidia: readonly GpuFact[], gpus: readonly GpuFact[]): string {
  const names = gpus.map((gpu) => gpu.name).join(", ");
  if (nvidia.length > 0) return names;
  return names === "" ? "No NVIDIA GPU" : `No NVIDIA GPU, but ${names}`;
}

function percent(part: number, whole: number): number | null {
  return whole <= 0 ? null : Math.round((1000 * part) / whole) / 10;
}
