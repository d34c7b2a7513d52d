import type { ProcessEnd } from "@trainyard/shared/jobs/conclude.ts";
import type { AttemptFiles } from "../home.ts";
import type { StreamKey } from "../spool.ts";
import type { RunnerEnvironment } from "./live-attempt.ts";
import type { AttemptSpec } from "./attempt-spec.ts";
import { inherited, trainerEnvironment } from "./environment.ts";
import { livenessOf } from "./process-identity.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { readBegun, readExit, readHandle } from "./shim-files.ts";

/** Knows whether the attempt's process runs, and how it ended. Evidence in this order: exit.json, the process, the shim. */
export interface EndWatch {
  /** Starts the shim unless one has begun before. */
  launch(): void;
  /** Null while the attempt runs, or while nothing can be concluded. */
  look(): ProcessEnd | null;
  /** Once, when it has begun; the identity is null where the process cannot be seen from here. */
  takeStarted(): { readonly process: ProcessIdentity | null } | null;
  alive(): boolean;
  /** Its process can be reached from here at all. */
  canSignal(): boolean;
  signal(effect: "interrupt" | "terminate" | "kill"): void;
  /** Ends what the trainer left behind. */
  killLeftovers(): void;
}

/** exit.json comes a moment after the process is gone. */
const exitGraceMs = 3_000;
/** A shim that has not begun by then never will. */
const beginGraceMs = 60_000;

export function createEndWatch(
  attempt: {
    readonly key: StreamKey;
    readonly files: AttemptFiles;
    readonly spec: AttemptSpec;
    readonly process: ProcessIdentity | null;
  },
  environment: RunnerEnvironment,
): EndWatch {
  const { key, files, spec } = attempt;
  const { processes, bootId, time, log } = environment;
  const marker = `${key.jobId}/${key.attempt}`;
  let identity = attempt.process;
  let started: ProcessIdentity | null = null;
  let goneSinceMs: number | null = null;
  let launchedAtMs: number | null = null;
  let shimEnded: string | null = null;

  const found = (process: ProcessIdentity): void => {
    identity = process;
    started = process;
  };

  /** True once a state has lasted; the first look only starts the clock. */
  const lasted = (forMs: number): boolean => {
    goneSinceMs ??= time.monotonic();
    return time.monotonic() - goneSinceMs >= forMs;
  };

  const shimAlive = (shim: { shimPid: number; shimStartTicks: string | null }): boolean => {
    try {
      const ticks = processes.startTicks(shim.shimPid);
      return ticks !== null && (shim.shimStartTicks === null || ticks === shim.shimStartTicks);
    } catch {
      return true;
    }
  };

  const lookForHandle = (): ProcessEnd | null => {
    const handle = readHandle(files);
    if (handle !== null) {
      const startTicks = handle.startTicks ?? processes.startTicks(handle.pid);
      // Ended before it was ever looked at: exit.json follows.
      found({ pid: handle.pid, startTicks: startTicks ?? "0", bootId: handle.bootId });
      return null;
    }
    const begun = readBegun(files);
    if (begun === null) {
      if (shimEnded !== null && lasted(exitGraceMs))
        return { kind: "spawn-failed", reason: `The shim ended: ${shimEnded}.` };
      const waitedMs = launchedAtMs === null ? 0 : time.monotonic() - launchedAtMs;
      return waitedMs >= beginGraceMs
        ? { kind: "spawn-failed", reason: "The shim did not begin." }
        : null;
    }
    if (begun !== "unreadable" && shimAlive(begun)) return null;
    if (!lasted(exitGraceMs)) return null;
    // The shim died between starting the trainer and writing who it is. Its environment still says so.
    const excluded = begun === "unreadable" ? null : begun.shimPid;
    for (const pid of processes.withEnvironment(`TRAINYARD_ATTEMPT=${marker}`)) {
      const startTicks = pid === excluded ? null : processes.startTicks(pid);
      if (startTicks === null) continue;
      found({ pid, startTicks, bootId });
      return null;
    }
    return { kind: "vanished" };
  };

  const aliveNow = (): boolean =>
    identity !== null && livenessOf(processes, identity, bootId) === "alive";

  const send = (pid: number, signal: Parameters<RunnerEnvironment["signal"]>[1]): void => {
    try {
      environment.signal(pid, signal);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ESRCH") throw error;
    }
  };

  return {
    launch() {
      if (
        identity !== null ||
        readHandle(files) !== null ||
        readExit(files) !== null ||
        readBegun(files) !== null
      )
        return;
      if (spec.bootId !== bootId) return;
      launchedAtMs = time.monotonic();
      environment.launchShim({
        folder: files.folder,
        environment: trainerEnvironment(process.env, {
          ...inherited(process.env, spec.training.inherits ?? []),
          ...spec.training.environment,
          TRAINYARD_JOB_ID: key.jobId,
          TRAINYARD_ATTEMPT: marker,
          TRAINYARD_BOOT_ID: bootId,
          TRAINYARD_TRUTH_FILE: files.truth,
        }),
        onExit: (reason) => {
          shimEnded = reason;
        },
      });
    },
    look() {
      const exit = readExit(files);
      if (exit !== null) {
        if (identity === null) lookForHandle();
        return exit.end;
      }
      if (spec.bootId !== bootId) return { kind: "rebooted" };
      if (identity === null) return lookForHandle();
      const liveness = livenessOf(processes, identity, bootId);
      if (liveness === "alive" || liveness === "unknown") {
        goneSinceMs = null;
        return null;
      }
      if (liveness === "rebooted") return { kind: "rebooted" };
      const handle = readHandle(files);
      // A living shim is about to write how it ended.
      if (handle !== null && shimAlive(handle)) return null;
      return lasted(exitGraceMs) ? { kind: "vanished" } : null;
    },
    takeStarted() {
      const taken = started;
      started = null;
      return taken === null ? null : { process: taken };
    },
    alive: aliveNow,
    canSignal: () => true,
    signal(effect) {
      // Looked at again right before: a pid that was reused is nobody of ours.
      if (identity === null || !aliveNow()) return;
      if (effect === "interrupt") send(identity.pid, "SIGINT");
      else if (effect === "terminate") send(-identity.pid, "SIGTERM");
      else {
        send(-identity.pid, "SIGKILL");
        send(identity.pid, "SIGKILL");
      }
    },
    killLeftovers() {
      const handle = readHandle(files);
      for (const pid of processes.withEnvironment(`TRAINYARD_ATTEMPT=${marker}`)) {
        if (pid === process.pid || pid === handle?.shimPid || processes.startTicks(pid) === null)
          continue;
        log("warn", "a process of the stopped training was left and is ended", { ...key, pid });
        send(pid, "SIGKILL");
      }
    },
  };
}
