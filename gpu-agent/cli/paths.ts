import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { defaultHomeRoot } from "../home.ts";
import { UsageError } from "./usage-error.ts";

/** The built programs that a command starts. They lie beside the command itself, in `dist`. */
export interface BuiltPrograms {
  readonly agent: string;
  readonly command: string;
  readonly worker: string;
  readonly bindings: string;
}

/**
 * For Node, before the agent's program. Bytes of a transfer are short-lived buffers outside of V8's heap. Its nursery's collections alone
 * free them: with the usual nursery three uploads of 64 MiB at once took 49 to 57 MiB, with this one 29 to 33. And V8 counts them to a
 * heap as small as the agent's, all of which it went through for every 8 MiB received: half of what an upload cost. With 200 it may
 * grow to three times its size first; 150 changes nothing (`npm run bench:files`).
 */
export const agentNodeOptions = ["--max-semi-space-size=1", "--heap-growing-percent=200"] as const;

export function builtPrograms(): BuiltPrograms {
  const here = fileURLToPath(new URL(".", import.meta.url));
  // From source (tests) the folder is gpu-agent/cli, bundled it is dist/cli.
  const dist = here.endsWith(join("dist", "cli", ""))
    ? join(here, "..")
    : join(here, "..", "..", "dist");
  const programs = {
    agent: join(dist, "agent", "agent.js"),
    command: join(dist, "cli", "trainyard.js"),
    worker: join(dist, "control-plane", "worker.js"),
    bindings: join(dist, "control-plane", "bindings.json"),
  };
  for (const path of Object.values(programs)) {
    if (!existsSync(path)) {
      throw new AppError("NOT_FOUND", "Trainyard is not built yet.", {
        hint: "Run: npm run build",
      });
    }
  }
  return programs;
}

/** Flag, then environment, then the default. Empty would mean the current folder, which nobody wants full of keys. */
export function chooseHome(flag: string | undefined): string {
  if (flag === "") {
    throw new UsageError("--home needs a folder, for example --home ~/.trainyard.");
  }
  const fromEnvironment = process.env["TRAINYARD_HOME"];
  return flag ?? (fromEnvironment === "" ? undefined : fromEnvironment) ?? defaultHomeRoot();
}
