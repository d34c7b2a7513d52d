import { readFileSync } from "node:fs";
import { writeFileAtomic } from "../../files/atomic-write.ts";
import { readBootId } from "../../home.ts";
import { livenessOf, systemProcesses } from "../../jobs/process-identity.ts";
import type { ProcessIdentity } from "../../jobs/process-identity.ts";

/**
 * Processes that belong to a home are written down by pid, start time and boot, so that the next start can end its own
 * stale ones and never a stranger that got the same pid.
 */
export function recordProcess(path: string, pid: number): void {
  const startTicks = systemProcesses().startTicks(pid);
  if (startTicks === null) return;
  writeFileAtomic(
    path,
    JSON.stringify({ pid, startTicks, bootId: readBootId() } satisfies ProcessIdentity),
    0o600,
  );
}

export function recordedProcess(path: string): ProcessIdentity | null {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Partial<ProcessIdentity>;
    if (
      typeof value.pid !== "number" ||
      typeof value.startTicks !== "string" ||
      typeof value.bootId !== "string"
    ) {
      return null;
    }
    return { pid: value.pid, startTicks: value.startTicks, bootId: value.bootId };
  } catch {
    return null;
  }
}

function isAlive(identity: ProcessIdentity): boolean {
  return livenessOf(systemProcesses(), identity, readBootId()) === "alive";
}

/** Ends the recorded process if it is still that very process, and waits until it is gone. */
export async function endStale(path: string, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const identity = recordedProcess(path);
  if (identity === null || !isAlive(identity)) return;
  process.kill(identity.pid, signal);
  for (let waited = 0; waited < 5_000 && isAlive(identity); waited += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (isAlive(identity)) process.kill(identity.pid, "SIGKILL");
}
