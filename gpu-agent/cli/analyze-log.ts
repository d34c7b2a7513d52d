import { constants } from "node:os";
import { parseArgs } from "node:util";
import { createLogReader, type LogReader } from "@trainyard/shared/logs/log-reader.ts";
import {
  type ExitFacts,
  type LogOutcome,
  type LogTool,
  logTools,
} from "@trainyard/shared/logs/log-report.ts";
import { asUtf8, readBytes } from "./analyze-log/read-bytes.ts";
import { readCases } from "./analyze-log/read-cases.ts";
import { reportJson, reportText } from "./analyze-log/report-text.ts";
import { createStdoutWriter } from "./write-out.ts";

const help = `trainyard analyze-log FILE|-: where a training stands, and how and why it ended

  --json              the whole report as one line of JSON
  --jsonl             FILE holds lines {"id","tool","log"}; one line of JSON is written for each
  --tool NAME         the trainer that wrote the log, when it is known; else it is recognised
                      (${logTools.join(", ")})
  --name JOB_NAME     what the training calls itself on its bar, when it is known
  --exit-code N       how the process ended, when it is known; -N for a signal
  --signal NAME       the signal that ended it, for example SIGKILL
  --fail              exit 3 when the training failed, 4 when something spoils it

Reads a file of any size, a pipe, or - for standard input. No network, no agent.
Exit: 0 the log was read, 1 it could not be read (or a line of --jsonl was no case), 2 wrong usage.
`;

/** `trainyard analyze-log`: reads any training log with the code that reads our own jobs'. */
export async function analyzeLogCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      jsonl: { type: "boolean", default: false },
      fail: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      tool: { type: "string" },
      name: { type: "string" },
      "exit-code": { type: "string" },
      signal: { type: "string" },
    },
  });
  const write = createStdoutWriter();
  if (values.help) {
    await write(help);
    return 0;
  }
  const [file, ...more] = positionals;
  if (file === undefined || file === "")
    return usageError("Which log? Give a file, or - for standard input.");
  if (more.length > 0)
    return usageError(`One log at a time; there is a word too many: ${more.join(" ")}`);
  const tool = logTools.find((one) => one === values.tool);
  if (values.tool !== undefined && tool === undefined) {
    return usageError(`--tool is one of: ${logTools.join(", ")}`);
  }
  const exit = exitFacts(values["exit-code"], values.signal);
  if (typeof exit === "string") return usageError(exit);
  if (file === "-" && process.stdin.isTTY) {
    process.stderr.write("Reading the log from the terminal; Ctrl-D ends it.\n");
  }

  if (values.jsonl) {
    if (exit !== undefined || values.name !== undefined || values.fail) {
      return usageError(
        "--name, --exit-code, --signal and --fail are about one log, not about --jsonl.",
      );
    }
    return analyzeCases(file, tool, write);
  }
  const reader = createLogReader({ tool, jobName: values.name, exit });
  await readAll(file, reader);
  const report = reader.report();
  await write(values.json ? `${JSON.stringify(reportJson(report))}\n` : reportText(report));
  return values.fail ? exitCodes[report.outcome] : 0;
}

const exitCodes: Readonly<Record<LogOutcome, number>> = { healthy: 0, failed: 3, degraded: 4 };

async function readAll(file: string, reader: LogReader): Promise<void> {
  for await (const bytes of asUtf8(readBytes(file))) reader.push(bytes);
}

async function analyzeCases(
  file: string,
  tool: LogTool | undefined,
  write: (text: string) => Promise<void>,
): Promise<number> {
  let bad = 0;
  for await (const { number, answer, problem } of readCases(asUtf8(readBytes(file)), tool)) {
    if (answer !== null) {
      await write(`${answer}\n`);
    } else {
      bad += 1;
      process.stderr.write(`Line ${number} ${problem}; it was left out.\n`);
    }
  }
  return bad === 0 ? 0 : 1;
}

/** The facts of the process; undefined when none was given, a sentence when one is wrong. */
function exitFacts(
  code: string | undefined,
  signal: string | undefined,
): ExitFacts | string | undefined {
  if (code === undefined && signal === undefined) return undefined;
  const exitCode = code === undefined ? null : Number(code);
  if (exitCode !== null && (code === "" || !Number.isInteger(exitCode))) {
    return "--exit-code is a whole number.";
  }
  const named = signal === undefined ? negative(exitCode) : signalName(signal);
  if (named === undefined)
    return "--signal is a signal's name or number, for example SIGKILL or 9.";
  return {
    exitCode: named !== null && exitCode !== null && exitCode < 0 ? null : exitCode,
    signal: named,
  };
}

/** Python's launchers say -9 for a process that SIGKILL ended. */
function negative(exitCode: number | null): string | null {
  return exitCode !== null && exitCode < 0 ? (signalName(String(-exitCode)) ?? null) : null;
}

function signalName(given: string): string | undefined {
  const wanted = given.toUpperCase();
  const names = Object.entries(constants.signals);
  return names.find(
    ([name, number]) => name === wanted || name === `SIG${wanted}` || String(number) === wanted,
  )?.[0];
}

function usageError(text: string): number {
  process.stderr.write(`${text}\nRun: trainyard analyze-log --help\n`);
  return 2;
}
