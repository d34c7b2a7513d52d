import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { loadOrCreateIdentity, openHome } from "../home.ts";
import { agentNodeOptions, builtPrograms, chooseHome } from "./paths.ts";
import { UsageError } from "./usage-error.ts";

/** Runs only the agent, for a control plane that is somewhere else. It dials out; no port is opened. */
export async function agentCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: "string" },
      home: { type: "string" },
      "log-level": { type: "string" },
    },
  });
  if (values.url === undefined || !URL.canParse(values.url)) {
    throw new UsageError(
      "The agent needs the control plane's address: trainyard agent --url https://<your worker's address>",
    );
  }
  const root = chooseHome(values.home);
  const identity = loadOrCreateIdentity(openHome(root));
  process.stderr.write(
    `Agent ${identity.agentId}\nThe control plane must know it; add to its TRAINYARD_AGENTS:\n` +
      `  ${JSON.stringify({ owner: "owner", agentId: identity.agentId, publicKey: identity.publicKey })}\n`,
  );
  const logLevel = values["log-level"] === undefined ? [] : ["--log-level", values["log-level"]];
  const child = spawn(
    process.execPath,
    [...agentNodeOptions, builtPrograms().agent, "--url", values.url, "--home", root, ...logLevel],
    { stdio: "inherit" },
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => child.kill(signal));
  }
  return new Promise((resolve) => {
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
