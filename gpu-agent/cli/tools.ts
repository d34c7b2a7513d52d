import { parseArgs } from "node:util";
import { exitOf, exits, exitsHelp, withExits } from "./door/exits.ts";
import { listTools } from "./door/list-tools.ts";
import { chooseTarget, targetFlags, targetHelp } from "./door/target.ts";
import { createStdoutWriter } from "./write-out.ts";

const help = `trainyard tools [--json]: the tools that the token may call, one line each

${targetHelp}  --json              all of each: description, input schema, annotations
${exitsHelp}
`;

/** `trainyard tools`: what can be called, for people and, with --json, for scripts. */
export async function toolsCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      ...targetFlags,
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const write = createStdoutWriter();
  if (values.help) {
    await write(help);
    return exits.ok;
  }
  return withExits("tools", async () => {
    const answer = await listTools(chooseTarget(values));
    if (!answer.ok) {
      const { code, message, hint } = answer.error;
      process.stderr.write(`${code}  ${message}\n${hint ? `${hint}\n` : ""}`);
      return exitOf(code);
    }
    const { tools } = answer;
    if (values.json) {
      await write(`${JSON.stringify(tools, null, process.stdout.isTTY ? 2 : 0)}\n`);
      return exits.ok;
    }
    const width = Math.max(0, ...tools.map(({ name }) => name.length));
    for (const { name, description } of tools) {
      await write(`${name.padEnd(width)}  ${firstSentence(description)}\n`);
    }
    return exits.ok;
  });
}

/** To the first full stop that ends one, not the one in "5.1" or "e.g.". */
function firstSentence(text: string): string {
  const line = text.replaceAll(/\p{C}+/gu, " ");
  return /^.*?[.!?](?= [A-Z]|$)/.exec(line)?.[0] ?? line;
}
