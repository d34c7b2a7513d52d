import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { openSync } from "node:fs";
import type { Log } from "../../log.ts";
import { agentNodeOptions } from "../paths.ts";

export interface AgentProcess {
  pid(): number;
  /** Asks it to end, and insists after the grace time. Trainings go on. */
  close(): Promise<void>;
}

export interface AgentProcessOptions {
  readonly program: string;
  readonly url: string;
  readonly homeRoot: string;
  readonly logPath: string;
  readonly log: Log;
  /** The new pid of a restarted agent. */
  started(pid: number): void;
}

const graceMs = 3_000;
const restartCapMs = 30_000;
/** An agent that lived this long has earned a quick restart. */
const stableMs = 60_000;

/** Keeps one agent running: started again, with back-off, whenever it dies. */
export function keepAgent(options: AgentProcessOptions): AgentProcess {
  let child: ChildProcess;
  let closing = false;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | null = null;

  const start = (): void => {
    const startedAtMs = performance.now();
    const output = openSync(options.logPath, "a", 0o600);
    child = spawn(
      process.execPath,
      [
        ...agentNodeOptions,
        options.program,
        "--url",
        options.url,
        "--home",
        options.homeRoot,
        "--parent-pid",
        String(process.pid),
      ],
      // Its own process group: Ctrl-C in the terminal is ours to pass on, in our order.
      { stdio: ["ignore", output, output], detached: true },
    );
    if (child.pid !== undefined) options.started(child.pid);
    child.once("error", (error) =>
      options.log("error", "agent could not be started", { error: error.message }),
    );
    child.once("exit", (code, signal) => {
      if (closing) return;
      failures = performance.now() - startedAtMs > stableMs ? 0 : failures + 1;
      // The first restart is at once: one crash must not cost a watcher half a second.
      const delayMs = failures <= 1 ? 0 : Math.min(restartCapMs, 250 * 2 ** (failures - 2));
      options.log("warn", "agent ended; starting it again", { code, signal, delayMs });
      timer = setTimeout(start, delayMs);
    });
  };
  start();

  return {
    pid: () => child.pid ?? -1,
    close: async () => {
      closing = true;
      if (timer !== null) clearTimeout(timer);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.kill("SIGTERM");
      const insist = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await gone;
      clearTimeout(insist);
    },
  };
}
