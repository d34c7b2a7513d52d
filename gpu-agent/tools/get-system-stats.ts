import { publicStatus } from "@trainyard/shared/jobs/state.ts";
import { gpuUsersOf } from "../host/gpu-users.ts";
import { disksOf } from "../host/disks.ts";
import type { RootsDisk } from "../host/disks.ts";
import type { GpuFact } from "../host/nvidia-smi.ts";
import { parseSpec } from "../jobs/attempt-spec.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { rootsOf } from "../roots.ts";
import { fixOf } from "../trainers/ai-toolkit-ui/ui-state.ts";
import type { UiLook } from "../trainers/ai-toolkit-ui/ui-state.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { gigabytes, observedNow } from "./tool-handler.ts";

export const getSystemStats: AgentToolHandler<"get-system-stats"> = async ({ detail }, context) => {
  const { host, home, supervisor, trainers } = context;
  const [nvidia, { cpuPercent, memory, disk }, facts, ui] = await Promise.all([
    host.gpus(),
    host.vitals(home.outputs),
    trainers.facts(),
    context.ui?.look() ?? null,
  ]);
  const gpus = nvidia.length > 0 ? nvidia : await host.graphics();
  const [first] = gpus;
  const live = supervisor.liveJobs();
  const diskPercent = disk === null ? null : usedPercent(disk);
  const full = detail !== "concise";
  return {
    data: {
      gpus: gpus.map((gpu) => gpuView(gpu, full)),
      gpu_name: first?.name ?? null,
      gpu_memory_used: first?.memoryUsedMib ?? null,
      gpu_memory_total: first?.memoryTotalMib ?? null,
      gpu_utilization: first?.utilizationPercent ?? null,
      ...(full
        ? {
            gpu: gpuSummary(nvidia),
            cpu_cores: host.cores(),
            system_memory: {
              used_gb: gigabytes(memory.usedBytes),
              total_gb: gigabytes(memory.totalBytes),
            },
            disk_space:
              disk === null
                ? null
                : { free_gb: gigabytes(disk.freeBytes), total_gb: gigabytes(disk.totalBytes) },
            disks: (await disksOf(rootsOf(home, facts))).map(diskView),
            gpu_processes: await gpuUsersOf(nvidia, host, live),
            jobs: live.map((key) => jobView(key, context)),
          }
        : {}),
      cpu_percent: cpuPercent,
      ram_used_gb: gigabytes(memory.usedBytes),
      ram_total_gb: gigabytes(memory.totalBytes),
      memory_percent: percent(memory.usedBytes, memory.totalBytes),
      disk_usage_percent: diskPercent,
      active_jobs: live.length,
      trainers: [...facts],
      ...(ui === null ? {} : { ai_toolkit_ui: uiView(ui, full) }),
      ...observedNow(context),
    },
    text: `${gpuText(nvidia, gpus)}; ${live.length} active job${live.length === 1 ? "" : "s"}; disk ${diskPercent ?? "?"} % used. Call list-training-jobs for the jobs.`,
  };
};

function gpuView(gpu: GpuFact, full: boolean) {
  return {
    index: gpu.index,
    name: gpu.name,
    memory_used_mb: gpu.memoryUsedMib,
    memory_total_mb: gpu.memoryTotalMib,
    utilization_pct: gpu.utilizationPercent,
    ...(full
      ? {
          temperature_c: gpu.temperatureC,
          power_w: gpu.powerW,
          power_limit_w: gpu.powerLimitW ?? null,
          driver_version: gpu.driver ?? null,
          mig: gpu.mig ?? null,
        }
      : {}),
  };
}

function gpuSummary(nvidia: readonly GpuFact[]): { cuda_available: boolean; note?: string } {
  if (nvidia.length === 0) {
    return { cuda_available: false, note: "nvidia-smi was not found or answered nothing." };
  }
  // GB10 and other chips with one memory for both.
  return nvidia.some(({ memoryTotalMib }) => memoryTotalMib === null)
    ? { cuda_available: true, note: "A card without a memory of its own uses the computer's." }
    : { cuda_available: true };
}

function diskView(disk: RootsDisk) {
  return {
    roots: [...disk.roots],
    free_gb: gigabytes(disk.freeBytes),
    total_gb: gigabytes(disk.totalBytes),
    used_percent: usedPercent(disk),
  };
}

function jobView(
  key: { readonly jobId: string; readonly attempt: number },
  { spool }: OperationContext,
) {
  const row = spool.attempt(key);
  const spec = row === null ? null : parseSpec(row.spec);
  return {
    job_id: key.jobId,
    job_name: spec?.args.jobName ?? null,
    status: row === null ? null : publicStatus(row.state),
    slot: spec?.args.slot ?? null,
  };
}

function uiView({ problem, running, queued, queues, version }: UiLook, full: boolean) {
  return {
    reachable: problem?.kind !== "unreachable",
    authorized: problem === null,
    running,
    queued,
    ...(full
      ? { queues: queues.map((one) => ({ gpu_ids: one.gpuIds, running: one.running })), version }
      : {}),
    ...(problem === null ? {} : { problem: problem.message, fix: fixOf(problem) }),
  };
}

function gpuText(nvidia: readonly GpuFact[], gpus: readonly GpuFact[]): string {
  const names = gpus.map((gpu) => gpu.name).join(", ");
  if (nvidia.length > 0) return names;
  return names === "" ? "No NVIDIA GPU" : `No NVIDIA GPU, but ${names}`;
}

function usedPercent({
  totalBytes,
  freeBytes,
}: {
  readonly totalBytes: number;
  readonly freeBytes: number;
}): number | null {
  return percent(totalBytes - freeBytes, totalBytes);
}

function percent(part: number, whole: number): number | null {
  return whole <= 0 ? null : Math.round((1000 * part) / whole) / 10;
}
