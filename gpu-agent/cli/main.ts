import { AppError } from "@trainyard/shared/errors.ts";
import { agentCommand } from "./agent.ts";
import { demoCommand } from "./demo.ts";
import { upCommand } from "./up.ts";

/** One entry a command. Each gets the arguments after its name and returns the exit code. */
const commands: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  up: upCommand,
  demo: demoCommand,
  agent: agentCommand,
};

const usage = `trainyard: train on your own GPU from any agent, script or phone

  trainyard up     [--port 8787] [--home DIR] [--json]     control plane and agent on this machine
  trainyard demo   [--json] [--keep] [--home DIR]          a real, tiny training, driven as an MCP client
  trainyard agent  --url URL [--home DIR]                  only the agent, for a control plane elsewhere

The home holds all state (default ~/.trainyard, or TRAINYARD_HOME).
`;

const [name, ...args] = process.argv.slice(2);
const command = name === undefined ? undefined : new Map(Object.entries(commands)).get(name);
if (command === undefined) {
  const asked = name === undefined || name === "help" || name === "--help" || name === "-h";
  (asked ? process.stdout : process.stderr).write(asked ? usage : `There is no command "${name}".\n\n${usage}`);
  process.exit(asked ? 0 : 2);
}
try {
  process.exitCode = await command(args);
} catch (error) {
  if (error instanceof AppError) {
    process.stderr.write(`${error.code}  ${error.message}\n${error.hint === undefined ? "" : `${error.hint}\n`}`);
    process.exitCode = 1;
  } else if ((error as { code?: unknown }).code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
  } else {
    throw error;
  }
}
