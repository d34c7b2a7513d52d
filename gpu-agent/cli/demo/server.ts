import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { AppError } from "@trainyard/shared/errors.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { builtPrograms } from "../paths.ts";
import type { ReadyLine } from "../up/start.ts";

export interface DemoServer {
  readonly ready: ReadyLine;
  close(): Promise<void>;
  /** Leaves it running when the demo ends. */
  letGo(): void;
}

/** The demo never touches the real home: its state is its own and stays where it says. */
export function chooseDemoHome(flag: string | undefined): string {
  return flag === undefined ? mkdtempSync(join(tmpdir(), "trainyard-demo-")) : resolve(flag);
}

/** Starts `trainyard up` as its own process, exactly as a user would, on a free port. */
export async function startServer(home: string, say: (line: string) => void): Promise<DemoServer> {
  say("Starting the control plane (workerd) and one agent...");
  makeFolder(join(home, "logs"));
  // A file, not our stderr: with --keep it lives on, and whoever captures the demo's output would wait for it for ever.
  const errors = openSync(join(home, "logs", "up.stderr.log"), "a", 0o600);
  const child = spawn(
    process.execPath,
    [builtPrograms().command, "up", "--json", "--port", "0", "--home", home],
    // Detached: with --keep it must survive the demo, and Ctrl-C reaches it through close().
    { stdio: ["ignore", "pipe", errors], detached: true },
  );
  closeSync(errors);
  const output = child.stdout;
  if (output === null) throw new Error("a piped child has no stdout");
  const exited = new Promise<number>((resolveExit) => {
    child.once("exit", (code) => resolveExit(code ?? 1));
  });
  const lines = createInterface({ input: output });
  const first = await Promise.race([
    new Promise<string>((resolveLine) => lines.once("line", resolveLine)),
    exited.then((code) => {
      throw new AppError("SPAWN_FAILED", `Trainyard ended with code ${code} before it was ready.`, {
        hint: `Read the logs in ${join(home, "logs")}.`,
      });
    }),
  ]);
  const ready = JSON.parse(first) as ReadyLine;
  const stop = (): void => {
    if (child.exitCode === null) child.kill("SIGTERM");
  };
  process.once("SIGINT", () => {
    stop();
    process.exit(130);
  });
  return {
    ready,
    close: async () => {
      stop();
      await exited;
      lines.close();
    },
    letGo: () => {
      lines.close();
      output.destroy();
      child.unref();
    },
  };
}
