import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { exitOf, exits, exitsHelp, withExits } from "./door/exits.ts";
import { ask } from "./door/http-door.ts";
import { chooseTarget, targetFlags, targetHelp } from "./door/target.ts";
import { createStdoutWriter } from "./write-out.ts";
import { UsageError } from "./usage-error.ts";

const help = `trainyard tool NAME [JSON | @FILE | -]: calls one tool and prints its structured answer as JSON

${targetHelp}
The arguments are a JSON object: written out, in a file, or - for standard input; none means {}.
On a terminal the answer is indented, in a pipe it is one line. A call that was refused prints {"error": {code, message, hint}}
and says so on standard error too.
${exitsHelp}
`;

/** `trainyard tool`: any tool from a shell, through the HTTP door. */
export async function toolCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...targetFlags, help: { type: "boolean", short: "h", default: false } },
  });
  const write = createStdoutWriter();
  if (values.help) {
    await write(help);
    return exits.ok;
  }
  return withExits("tool", async () => {
    const [name, source, ...more] = positionals;
    if (name === undefined || name === "") throw new UsageError("Which tool? Give its name.");
    if (more.length > 0) {
      throw new UsageError('There is a word too many; quote the JSON: \'{"job_id": "…"}\'');
    }
    const target = chooseTarget(values);
    const toolArguments = await readArguments(source);
    const answer = await ask(target.address(), {
      token: target.token(),
      path: "/mcp/tool",
      body: { name, arguments: toolArguments },
    });
    const shown = answer.ok ? answer.body["data"] : { error: answer.error };
    await write(`${JSON.stringify(shown, null, process.stdout.isTTY ? 2 : 0)}\n`);
    if (answer.ok) return exits.ok;
    const { code, message, hint } = answer.error;
    process.stderr.write(`${code}  ${message}\n${hint ? `${hint}\n` : ""}`);
    return exitOf(code);
  });
}

async function readArguments(source: string | undefined): Promise<object> {
  const written = await readSource(source);
  let value: unknown;
  try {
    value = JSON.parse(written.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new UsageError(`The arguments are not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError("The arguments are not a JSON object.");
  }
  return value;
}

async function readSource(source: string | undefined): Promise<string> {
  if (source === undefined) return "{}";
  if (source === "-") return text(process.stdin);
  if (!source.startsWith("@")) return source;
  try {
    return readFileSync(source.slice(1), "utf8");
  } catch (error) {
    throw new UsageError(
      `The file of the arguments cannot be read (${String((error as { code?: unknown }).code)}).`,
    );
  }
}
