import { systemProcesses } from "../jobs/process-identity.ts";
import type { ProcessView } from "../jobs/process-identity.ts";
import type { HostFacts } from "./host-facts.ts";
import type { GpuFact } from "./nvidia-smi.ts";

export interface GpuUse {
  readonly pid: number;
  readonly name: string | null;
  readonly gpu_index: number | null;
  readonly memory_used_mb: number | null;
  /** Which of this box's jobs it belongs to; null for anything else. */
  readonly job_id: string | null;
}

const usersShown = 32;

/** Who computes on the cards: the first thing to know when a training runs out of memory. */
export async function gpuUsersOf(
  cards: readonly GpuFact[],
  host: Pick<HostFacts, "gpuUsers">,
  live: readonly { readonly jobId: string; readonly attempt: number }[],
  processes: ProcessView = systemProcesses(),
): Promise<GpuUse[]> {
  if (cards.length === 0) return [];
  const users = await host.gpuUsers();
  if (users.length === 0) return [];
  // A trainer's workers are its children and carry the same entry.
  const jobs = new Map<number, string>();
  for (const { jobId, attempt } of live) {
    for (const pid of processes.withEnvironment(`TRAINYARD_ATTEMPT=${jobId}/${attempt}`)) {
      jobs.set(pid, jobId);
    }
  }
  const [only] = cards;
  return users.slice(0, usersShown).map(({ pid, usedMib, uuid, name }) => ({
    pid,
    name,
    gpu_index:
      cards.find((card) => uuid !== null && card.uuid === uuid)?.index ??
      (cards.length === 1 ? (only?.index ?? null) : null),
    memory_used_mb: usedMib,
    job_id: jobs.get(pid) ?? null,
  }));
}
