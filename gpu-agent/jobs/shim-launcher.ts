import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";

interface ShimLaunch {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The shim ended while we live. */
  readonly onExit: (reason: string) => void;
}

export type LaunchShim = (launch: ShimLaunch) => void;

/** The shim is a session of its own and holds no pipe of ours, so it does not notice when we go. */
export function shimLauncher(entry: string): LaunchShim {
  return ({ folder, environment, onExit }) => {
    const log = openSync(join(folder, "shim.log"), "a", 0o600);
    const shim = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", entry, folder], {
      cwd: folder,
      env: { ...environment },
      detached: true,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    shim.once("error", (error) => onExit(error.message));
    shim.once("exit", (code, signal) => onExit(signal ?? `exit code ${code ?? "unknown"}`));
    shim.unref();
  };
}
