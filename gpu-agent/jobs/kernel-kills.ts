import { readFileSync } from "node:fs";

/**
 * How often the kernel has ended a process for want of memory since it booted, over all of the machine. Null where the
 * kernel does not count, as outside Linux. A rise during a run that ended with SIGKILL is the reason of that signal.
 */
export function kernelMemoryKills(path = "/proc/vmstat"): number | null {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync(path, "utf8"))?.[1];
    return count === undefined ? null : Number(count);
  } catch {
    return null;
  }
}
