import { parseArgs } from "node:util";
import { limits } from "@trainyard/shared/limits.ts";
import { exits, withExits } from "./door/exits.ts";
import { chooseTarget, isUnprotected, targetFlags, targetHelp } from "./door/target.ts";
import { runStdioBridge } from "./mcp/stdio-bridge.ts";
import { createStdoutWriter } from "./write-out.ts";
import { UsageError } from "./usage-error.ts";

const help = `trainyard mcp: lets an MCP client that only starts programs (stdio) use a Trainyard anywhere

${targetHelp}  --wait-seconds N    how long a request waits for a Trainyard that is away (${limits.bridgeReconnectMs / 1_000})

Every revision that Trainyard speaks passes through. The URL chooses the tools: /mcp, /mcp/core, /mcp/readonly, /mcp/all.
URL and token are looked at anew at each request, so a corrected token file or a restarted Trainyard needs no restart here.
Standard output holds the protocol alone; what goes wrong is in the answers, and on standard error.
Exit: 0 when the client closed standard input, 2 wrong usage.
`;

/** `trainyard mcp`: the stdio bridge (design 10). */
export async function mcpCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      ...targetFlags,
      "wait-seconds": { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return exits.ok;
  }
  return withExits("mcp", async () => {
    const target = chooseTarget(values);
    const log = (text: string): void =>
      void process.stderr.write(`trainyard mcp: ${text.replaceAll(/\p{C}/gu, "?").trim()}\n`);
    if ((values.url ?? process.env["TRAINYARD_URL"]) && isUnprotected(target.address())) {
      log("this URL is plain http: the token can be read on the way. Use https.");
    }
    await runStdioBridge({
      input: process.stdin,
      write: createStdoutWriter(),
      log,
      target,
      reconnectMs: waitMs(values["wait-seconds"]),
    });
    return exits.ok;
  });
}

function waitMs(given: string | undefined): number {
  if (given === undefined) return limits.bridgeReconnectMs;
  const seconds = Number(given);
  if (given.trim() === "" || !(seconds >= 0 && seconds <= 3_600)) {
    throw new UsageError("--wait-seconds is a number from 0 to 3600.");
  }
  return seconds * 1_000;
}
