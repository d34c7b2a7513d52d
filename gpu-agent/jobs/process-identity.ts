import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** A pid alone names nobody: it is reused. Start time and boot make it one process for ever. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of `/proc/<pid>/stat`; where there is no /proc, what `ps -o lstart=` says. */
  readonly startTicks: string;
  readonly bootId: string;
}

/** `unknown`: it could not be looked at, so nothing may be concluded. */
export type Liveness = "alive" | "gone" | "rebooted" | "unknown";

export interface ProcessView {
  /** Start ticks of a process that runs; null when it is gone or only a zombie is left. Throws when unreadable. */
  startTicks(pid: number): string | null;
  /** Pids whose environment holds this exact `NAME=value`; empty where it cannot be read. */
  withEnvironment(entry: string): readonly number[];
  /** Pids whose command line has this exact argument, whoever they belong to; null where command lines cannot be read. */
  withArgument(argument: string): readonly number[] | null;
}

export function livenessOf(view: ProcessView, identity: ProcessIdentity, bootId: string): Liveness {
  if (identity.bootId !== bootId) return "rebooted";
  try {
    return view.startTicks(identity.pid) === identity.startTicks ? "alive" : "gone";
  } catch {
    return "unknown";
  }
}

export function linuxProcesses(procRoot = "/proc"): ProcessView {
  return {
    startTicks(pid) {
      let stat: string;
      try {
        stat = readFileSync(join(procRoot, String(pid), "stat"), "latin1");
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        // ESRCH: it went away between open and read.
        if (code === "ENOENT" || code === "ESRCH") return null;
        throw error;
      }
      return parseStat(stat);
    },
    withEnvironment(entry) {
      const found: number[] = [];
      for (const name of readdirSync(procRoot)) {
        if (!/^\d+$/.test(name)) continue;
        try {
          const environment = readFileSync(join(procRoot, name, "environ"), "utf8");
          if (environment.split("\0").includes(entry)) found.push(Number(name));
        } catch {
          // Another user's process, or one that ended meanwhile.
        }
      }
      return found;
    },
    withArgument(argument) {
      const found: number[] = [];
      for (const name of readdirSync(procRoot)) {
        if (!/^\d+$/.test(name)) continue;
        try {
          const line = readFileSync(join(procRoot, name, "cmdline"), "utf8");
          if (line.split("\0").includes(argument)) found.push(Number(name));
        } catch {
          // It ended meanwhile.
        }
      }
      return found;
    },
  };
}

/**
 * The command in field 2 may hold spaces and parentheses, so fields are counted behind the last `)`. A zombie is dead: where
 * PID 1 reaps late, `kill(pid, 0)` still says alive.
 */
export function parseStat(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  const ticks = fields[19];
  if (state === undefined || ticks === undefined || !/^\d+$/.test(ticks)) {
    throw new Error("the process's stat line cannot be read");
  }
  return state === "Z" || state === "X" || state === "x" ? null : ticks;
}

/** macOS and other systems without /proc. */
function psProcesses(): ProcessView {
  return {
    startTicks(pid) {
      const shown = spawnSync("ps", ["-o", "state=,lstart=", "-p", String(pid)], {
        encoding: "utf8",
        timeout: 5_000,
        env: { PATH: process.env["PATH"] ?? "/bin:/usr/bin", LC_ALL: "C" },
      });
      if (shown.error !== undefined) throw shown.error;
      const line = shown.stdout.trim();
      if (line === "" || line.startsWith("Z")) return null;
      return line.replace(/^\S+\s+/, "").slice(0, 32);
    },
    withEnvironment: () => [],
    withArgument: () => null,
  };
}

export function systemProcesses(): ProcessView {
  return process.platform === "linux" ? linuxProcesses() : psProcesses();
}
