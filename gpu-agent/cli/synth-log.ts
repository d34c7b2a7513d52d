import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { AppError } from "@trainyard/shared/errors.ts";
import {
  formatsOf,
  type ScenarioName,
  syntheticFormats,
  syntheticScenarios,
} from "@trainyard/shared/logs/synthetic/scenarios.ts";
import { syntheticLog } from "@trainyard/shared/logs/synthetic/synthetic-log.ts";
import { createStdoutWriter, openFileWriter } from "./write-out.ts";

const help = `trainyard synth-log --scenario S --steps N --output FILE|-: a training log that nobody trained

  --scenario S        what happens in it, see below
  --steps N           steps of the training, 1 to 100,000,000
  --output FILE|-     where it is written; - is standard output
  --seed N            the same seed gives the same bytes (default 1)
  --name JOB          what the training is called (default synthetic_lora)
  --format F          ${syntheticFormats.join(", ")} (default ai-toolkit)
  --force             write over a file that is there

Its first line says that it is synthetic. For testing what reads logs: it is written in pieces, so any size needs no memory.

Scenarios:
${Object.entries(syntheticScenarios)
  .map(([name, { outcome, category, summary }]) => {
    const found = category === "none" ? outcome : `${outcome}, ${category}`;
    const formats = formatsOf(name as ScenarioName);
    const only = formats.length === syntheticFormats.length ? "" : ` (${formats.join(", ")})`;
    return `  ${name.padEnd(20)}${summary}: ${found}${only}\n`;
  })
  .join("")}`;

/** `trainyard synth-log`: writes a synthetic training log for regression tests of whatever reads logs. */
export async function synthLogCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      scenario: { type: "string" },
      steps: { type: "string" },
      output: { type: "string" },
      seed: { type: "string", default: "1" },
      name: { type: "string", default: "synthetic_lora" },
      format: { type: "string", default: "ai-toolkit" },
      force: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const write = createStdoutWriter();
  if (values.help) {
    await write(help);
    return 0;
  }
  const scenario = values.scenario;
  if (scenario === undefined || !isScenario(scenario)) {
    return usageError(`--scenario is one of: ${Object.keys(syntheticScenarios).join(", ")}`);
  }
  const format = syntheticFormats.find((one) => one === values.format);
  if (format === undefined) return usageError(`--format is one of: ${syntheticFormats.join(", ")}`);
  if (!formatsOf(scenario).includes(format)) {
    return usageError(`--scenario ${scenario} can be shown by: ${formatsOf(scenario).join(", ")}`);
  }
  const steps = wholeNumber(values.steps);
  if (steps === null || steps < 1 || steps > mostSteps) {
    return usageError("--steps is a whole number from 1 to 100,000,000.");
  }
  const seed = wholeNumber(values.seed);
  if (seed === null || seed > 0xffff_ffff) {
    return usageError("--seed is a whole number from 0 to 4294967295.");
  }
  if (!/^[^\p{Cc}\p{Zl}\p{Zp}]{1,200}$/u.test(values.name)) {
    return usageError("--name is one line of 1 to 200 characters.");
  }
  const { output } = values;
  if (output === undefined || output === "")
    return usageError("--output needs a file, or - for standard output.");

  const pieces = syntheticLog({ scenario, steps, format, seed, jobName: values.name });
  if (output === "-") {
    await writePieces(pieces, write);
    return 0;
  }
  const file = openNew(output, values.force);
  try {
    await writePieces(pieces, file.write);
  } finally {
    file.close();
  }
  return 0;
}

/** Small pieces are written together: one write a step would be most of the time. */
async function writePieces(
  pieces: Iterable<string>,
  write: (text: string) => Promise<void>,
): Promise<void> {
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < writtenCharacters) continue;
    await write(text);
    text = "";
  }
  await write(text);
}

function openNew(path: string, force: boolean): ReturnType<typeof openFileWriter> {
  // Opening a pipe that nobody reads would wait for ever.
  if (force && statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
    throw new AppError("INVALID_ARGUMENT", `This is no regular file: ${path}`, {
      hint: "Choose a file, or give - and send standard output where you want it.",
    });
  }
  try {
    return openFileWriter(path, force ? "w" : "wx");
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === "EEXIST") {
      throw new AppError("INVALID_ARGUMENT", `This file is there already: ${path}`, {
        hint: "Choose another name, or add --force to write over it.",
      });
    }
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new AppError("NOT_FOUND", `The folder of this file does not exist: ${path}`, {
        hint: "Make the folder first, or choose another.",
      });
    }
    if (typeof code !== "string") throw error;
    throw new AppError("INVALID_ARGUMENT", `This cannot be written: ${path} (${code})`, {
      hint: "Choose a file in a folder of your own.",
    });
  }
}

function isScenario(name: string): name is ScenarioName {
  return Object.hasOwn(syntheticScenarios, name);
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : null;
}

function usageError(text: string): number {
  process.stderr.write(`${text}\nRun: trainyard synth-log --help\n`);
  return 2;
}

const mostSteps = 100_000_000;
const writtenCharacters = 64 * 1024;
