import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export interface AgentProcess {
  readonly process: ChildProcess;
  kill(signal: NodeJS.Signals): Promise<void>;
}

const entry = fileURLToPath(new URL("../../../gpu-agent/main.ts", import.meta.url));

/** The real agent, from source, as a process of its own. */
export function startAgentProcess(options: {
  url: string;
  home: string;
  env?: Record<string, string>;
}): AgentProcess {
  const log = openSync(join(options.home, "agent-test.log"), "a");
  const child = spawn(process.execPath, [entry, "--url", options.url, "--home", options.home], {
    stdio: ["ignore", log, log],
    env: { ...process.env, TRAINYARD_TINY_PIXELS: "32", ...options.env },
  });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await gone;
  });
  return {
    process: child,
    kill: async (signal) => {
      child.kill(signal);
      await gone;
    },
  };
}
