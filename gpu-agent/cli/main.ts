import packageJson from "../package.json" with { type: "json" };
import { agentCommand } from "./agent.ts";
import { demoCommand } from "./demo.ts";
import { upCommand } from "./up.ts";
import { explainFailure } from "./explain-failure.ts";

/** One entry a command. Each gets the arguments after its name and returns the exit code. */
const commands: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  up: upCommand,
  demo: demoCommand,
  agent: agentCommand,
};

const { version } = packageJson;

const usage = `trainyard: train on your own GPU from any agent, script or phone

  trainyard up     [--port 8787] [--home DIR] [--json]     control plane and agent on this machine
  trainyard demo   [--json] [--keep] [--home DIR]          a real, tiny training, driven as an MCP client
  trainyard agent  --url URL [--home DIR]                  only the agent, for a control plane elsewhere

The home holds all state (default ~/.trainyard, or TRAINYARD_HOME).
`;

const [name, ...args] = process.argv.slice(2);
const command = name === undefined ? undefined : new Map(Object.entries(commands)).get(name);
const helpAsked = [name, ...args].some(
  (word) => word === "--help" || word === "-h" || word === "help",
);
if (helpAsked || name === undefined) {
  process.stdout.write(usage);
} else if (name === "--version" || name === "version") {
  process.stdout.write(`${version}\n`);
} else if (command === undefined) {
  process.stderr.write(`There is no command "${name}".\n\n${usage}`);
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await command(args);
  } catch (error) {
    const { text, exitCode } = explainFailure(error);
    process.stderr.write(text);
    process.exitCode = exitCode;
  }
}
