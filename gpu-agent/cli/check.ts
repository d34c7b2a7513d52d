import { parseArgs } from "node:util";
import { AppError } from "@trainyard/shared/errors.ts";
import { RefusedStep } from "./check/refused-step.ts";
import { steps } from "./check/steps.ts";
import type { Findings, Step } from "./check/steps.ts";
import { exitOf, exits, withExits } from "./door/exits.ts";
import type { Exit } from "./door/exits.ts";
import { chooseTarget, targetFlags, targetHelp } from "./door/target.ts";
import type { Target } from "./door/target.ts";
import { createStdoutWriter } from "./write-out.ts";
import { UsageError } from "./usage-error.ts";

const help = `trainyard check [URL] [--json]: can this Trainyard be used from here?

  health  it answers               auth   the token is known, and no token is refused
  tools   the HTTP door lists      mcp    an MCP client connects and lists
  agent   a GPU box is connected   call   that box answers get-system-stats

${targetHelp}  --json              one line of JSON
Nothing is changed. After the first thing that fails the rest is left out.
Exit: 0 all is well, 1 something else fails, 2 wrong usage, 3 no Trainyard answers, 4 the token is missing or wrong.
`;

interface StepResult {
  readonly name: Step["name"];
  readonly status: "ok" | "failed" | "skipped";
  readonly ms: number;
  readonly message: string;
  readonly code: string | null;
  readonly hint: string | null;
}

/** `trainyard check`: the earlier systems' test script, with a fixed exit code. */
export async function checkCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
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
  return withExits("check", async () => {
    const [url, ...more] = positionals;
    if (more.length > 0 || (url !== undefined && values.url !== undefined)) {
      throw new UsageError("One Trainyard at a time: give one URL.");
    }
    const target = chooseTarget({ ...values, url: url ?? values.url });
    const findings: Findings = {};
    const results: StepResult[] = [];
    let exit: Exit = exits.ok;
    for (const step of steps) {
      const result = exit === exits.ok ? await runStep(step, target, findings) : skipped(step);
      if (result.status === "failed") exit = exitOf(result.code ?? "");
      results.push(result);
      if (!values.json) await write(lineOf(result));
    }
    if (values.json) {
      const report = {
        ok: exit === exits.ok,
        exit_code: exit,
        mcp_url: mcpUrlOf(target),
        version: findings.version ?? null,
        checks: results,
      };
      await write(`${JSON.stringify(report)}\n`);
    }
    return exit;
  });
}

async function runStep(step: Step, target: Target, findings: Findings): Promise<StepResult> {
  const startedAt = performance.now();
  const result = (
    status: "ok" | "failed",
    message: string,
    code: string | null,
    hint: unknown,
  ) => ({
    name: step.name,
    status,
    ms: Math.round(performance.now() - startedAt),
    message,
    code,
    hint: typeof hint === "string" ? hint : null,
  });
  try {
    return result("ok", await step.run(target, findings), null, null);
  } catch (error) {
    if (!(error instanceof AppError) && !(error instanceof RefusedStep)) throw error;
    return result("failed", error.message, error.code, error.hint);
  }
}

function skipped(step: Step): StepResult {
  return { name: step.name, status: "skipped", ms: 0, message: "left out", code: null, hint: null };
}

function lineOf({ name, status, ms, message, code, hint }: StepResult): string {
  const word = { ok: "ok  ", failed: "FAIL", skipped: "-   " }[status];
  const time = status === "skipped" ? "" : `  (${ms} ms)`;
  const more = [code === null ? "" : `${code}  `, message.replaceAll(/\p{C}/gu, "?"), time];
  const advice = hint === null ? "" : `              ${hint.replaceAll(/\p{C}/gu, "?")}\n`;
  return `${word}  ${name.padEnd(6)}  ${more.join("")}\n${advice}`;
}

/** Null: nothing is given and nothing runs, as the first check says. */
function mcpUrlOf(target: Target): string | null {
  try {
    return target.address().mcpUrl;
  } catch {
    return null;
  }
}
