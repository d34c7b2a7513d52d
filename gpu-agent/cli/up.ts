import { parseArgs } from "node:util";
import { startUp } from "./up/start.ts";
import { chooseHome } from "./paths.ts";
import { UsageError } from "./usage-error.ts";

/** `trainyard up`: control plane and agent on one machine, until Ctrl-C. */
export async function upCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      // The variable of the earlier bridge.
      port: { type: "string", default: process.env["MCP_HTTP_PORT"]?.trim() || "8787" },
      home: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new UsageError(
      "--port (or MCP_HTTP_PORT) is a number from 0 to 65535; 0 picks a free one.",
    );
  }
  const up = await startUp({ port, homeRoot: chooseHome(values.home) });
  if (values.json) {
    process.stdout.write(`${JSON.stringify(up.ready)}\n`);
  } else {
    process.stdout.write(
      [
        "Trainyard is up.",
        `  MCP URL   ${up.ready.mcp_url}`,
        `  Token     ${up.ready.token}`,
        `  Health    ${up.ready.url}/health`,
        "",
        "Connect a client, for example:",
        `  claude mcp add --transport http trainyard ${up.ready.mcp_url} --header "Authorization: Bearer ${up.ready.token}"`,
        "",
        "Ctrl-C ends it; a training that runs goes on and is taken up at the next start.",
        "",
      ].join("\n"),
    );
  }
  await up.ended;
  return 0;
}
