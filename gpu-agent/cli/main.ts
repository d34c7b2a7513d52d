import packageJson from "../package.json" with { type: "json" };
import { explainFailure } from "./explain-failure.ts";

interface Command {
  /** Imported only when it is asked for: reading a log must not start what the agent needs. */
  readonly load: () => Promise<(args: string[]) => Promise<number>>;
  /** It explains itself at `--help`. */
  readonly helps?: true;
  /** The option that names what it writes, where that is not the home. */
  readonly writes?: "--output";
}

/** One entry a command. Each gets the arguments after its name and returns the exit code. */
const commands: Readonly<Record<string, Command>> = {
  up: { load: async () => (await import("./up.ts")).upCommand },
  demo: { load: async () => (await import("./demo.ts")).demoCommand },
  agent: { load: async () => (await import("./agent.ts")).agentCommand },
  mcp: { load: async () => (await import("./mcp.ts")).mcpCommand, helps: true },
  tool: { load: async () => (await import("./tool.ts")).toolCommand, helps: true },
  tools: { load: async () => (await import("./tools.ts")).toolsCommand, helps: true },
  check: { load: async () => (await import("./check.ts")).checkCommand, helps: true },
  doctor: { load: async () => (await import("./doctor.ts")).doctorCommand, helps: true },
  upload: { load: async () => (await import("./upload.ts")).uploadCommand, helps: true },
  download: {
    load: async () => (await import("./download.ts")).downloadCommand,
    helps: true,
    writes: "--output",
  },
  "analyze-log": {
    load: async () => (await import("./analyze-log.ts")).analyzeLogCommand,
    helps: true,
  },
  "guard-log": {
    load: async () => (await import("./guard-log.ts")).guardLogCommand,
    helps: true,
  },
  "synth-log": {
    load: async () => (await import("./synth-log.ts")).synthLogCommand,
    helps: true,
    writes: "--output",
  },
};

const { version } = packageJson;

/** They use what older Nodes lack (`node:sqlite`); the other commands run there too. */
const newNodeOnly: ReadonlySet<string> = new Set(["up", "demo", "agent", "doctor"]);
const oldestNode = 24;

const usage = `trainyard: train on your own GPU from any agent, script or phone

  trainyard up     [--port 8787] [--home DIR] [--json]     control plane and agent on this machine
  trainyard demo   [--json] [--keep] [--home DIR]          a real, tiny training, driven as an MCP client
  trainyard agent  --url URL [--home DIR] [--log-level L]  only the agent, for a control plane elsewhere

  trainyard mcp    [--url URL] [--token-file FILE]         stdio for MCP clients that start programs
  trainyard tool   NAME [JSON | @FILE | -]                 one call, its answer as JSON
  trainyard tools  [--json]                                what can be called
  trainyard check  [URL] [--json]                          health, token, tools, box, one harmless call

  trainyard doctor [--json] [--home DIR]                   can this box train, and if not, what to do
  trainyard upload   FOLDER [--dataset NAME]               pictures and captions to the box, in verified parts
  trainyard download JOB|MODEL [--output FILE]             a model from the box, resumed and verified

  trainyard analyze-log FILE|- [--json] [--jsonl]          how and why a training ended, from its log alone
  trainyard guard-log   FILE|- [--json] [rules]            which guardrail would have stopped it, and when
  trainyard synth-log   --scenario S --steps N --output F  a synthetic log, for testing what reads logs

The home holds all state (default ~/.trainyard, or TRAINYARD_HOME).
`;

const [name, ...args] = process.argv.slice(2);
const command = name === undefined ? undefined : new Map(Object.entries(commands)).get(name);
const helpAsked =
  command?.helps !== true &&
  [name, ...args].some((word) => word === "--help" || word === "-h" || word === "help");
if (helpAsked || name === undefined) {
  process.stdout.write(usage);
} else if (name === "--version" || name === "version") {
  process.stdout.write(`${version}\n`);
} else if (command === undefined) {
  process.stderr.write(`There is no command "${name}".\n\n${usage}`);
  process.exitCode = 2;
} else if (newNodeOnly.has(name) && Number.parseInt(process.versions.node, 10) < oldestNode) {
  process.stderr.write(
    `trainyard ${name} needs Node ${oldestNode} and this is ${process.versions.node}: run npm start, or gpu-agent/cli/bin.mjs ${name}, which brings its own.\n`,
  );
  process.exitCode = 1;
} else {
  try {
    const run = await command.load();
    process.exitCode = await run(args);
  } catch (error) {
    const { text, exitCode } = explainFailure(error, command.writes);
    process.stderr.write(text);
    process.exitCode = exitCode;
  }
}
