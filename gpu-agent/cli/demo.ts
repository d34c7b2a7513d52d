import { parseArgs } from "node:util";
import { runDemo } from "./demo/run.ts";
import type { DemoResult } from "./demo/run.ts";
import { chooseDemoHome, startServer } from "./demo/server.ts";

/** `trainyard demo`: a newcomer's first minute, and the proof that the whole path works on this machine. */
export async function demoCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      home: { type: "string" },
      steps: { type: "string", default: "200" },
    },
  });
  // With --json the only thing on stdout is the object at the end.
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const home = chooseDemoHome(values.home);
  const server = await startServer(home, say);
  let keep = false;
  try {
    const result = await runDemo({
      home,
      ready: server.ready,
      steps: Math.max(20, Math.min(2_000, Math.round(Number(values.steps)) || 200)),
      say,
      terminal: process.stderr.isTTY,
    });
    if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    else process.stdout.write(table(result));
    keep = values.keep;
    if (keep) {
      say(`\nStill running. MCP URL ${server.ready.mcp_url}\nToken   ${server.ready.token}`);
      say(`End it with: kill ${server.ready.pids.up}`);
    }
    return 0;
  } finally {
    if (keep) server.letGo();
    else await server.close();
  }
}

function table(result: DemoResult): string {
  const rows: [string, string][] = [
    ["job", result.job_id],
    ["status", result.status],
    ["steps", String(result.steps)],
    ["loss, first to last", `${result.first_loss.toFixed(4)} to ${result.last_loss.toFixed(4)}`],
    ["samples", `${result.samples.length}, the last ${result.samples.at(-1) ?? "-"}`],
    ["model", result.model.path],
    ["", `${result.model.size} bytes, SHA-256 ${result.model.sha256}`],
    ["took", `${result.seconds.toFixed(1)} s`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return `\n${rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join("\n")}\n`;
}
