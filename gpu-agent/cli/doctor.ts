import { parseArgs } from "node:util";
import { defaultHomeRoot } from "../home.ts";
import { findingsOf } from "./doctor/findings.ts";
import type { Finding } from "./doctor/findings.ts";
import { lookAtBox } from "./doctor/look.ts";
import { createStdoutWriter } from "./write-out.ts";

const help = `trainyard doctor [--json] [--home DIR]: can this box train, and if not, what to do

Looks at Node, the home and its disk, policy.json, the cards, AI Toolkit (where, which version, its Python, whether
all of its packages can be imported), the server of its Web UI where AI_TOOLKIT_SERVER_URL names one, the Python for language models, and the token
for gated models. Nothing is changed.
Whether a Trainyard can be reached is another question: trainyard check.
Exit: 0 nothing stands in the way, 6 something does, 2 wrong usage.
`;

/** Something stands in the way. Its own code, so that a script tells it from a command that failed. */
const foundProblems = 6;

/** `trainyard doctor`: every finding with its fix. */
export async function doctorCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean", default: false },
      home: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const write = createStdoutWriter();
  if (values.help) {
    await write(help);
    return 0;
  }
  const home = values.home ?? process.env["TRAINYARD_HOME"] ?? defaultHomeRoot();
  const findings = findingsOf(await lookAtBox(home, process.env));
  const healthy = findings.every(({ status }) => status !== "problem");
  if (values.json) await write(`${JSON.stringify({ ok: healthy, findings })}\n`);
  else for (const finding of findings) await write(lineOf(finding));
  return healthy ? 0 : foundProblems;
}

function lineOf({ name, status, message, fix }: Finding): string {
  const word = { ok: "ok  ", warning: "warn", problem: "FAIL" }[status];
  const advice = fix === null ? "" : `               ${fix}\n`;
  return `${word}  ${name.padEnd(8)} ${message.replaceAll(/\p{C}/gu, "?")}\n${advice}`;
}
