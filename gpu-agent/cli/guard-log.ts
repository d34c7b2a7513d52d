import { closeSync, createReadStream, openSync, readSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { createReplay } from "@trainyard/shared/analysis/guards/replay-guardrails.ts";
import type {
  Replay,
  ReplayedTrigger,
} from "@trainyard/shared/analysis/guards/replay-guardrails.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import {
  changeOptions,
  rulesFrom,
  startOptions,
  viewOfRules,
} from "@trainyard/shared/tools/guardrail-options.ts";
import { findJobName } from "./guard-log/job-name.ts";

/** The options of run-training-with-guardrails, and the two that only set-guardrails has. */
const ruleOptions = z.strictObject({
  ...startOptions,
  loss_explosion_factor: changeOptions.loss_explosion_factor,
  warn_only: changeOptions.warn_only,
});

const help = `trainyard guard-log FILE: which guardrail would have fired in a training log, where, and on what evidence

  --json                  one line of JSON
  --name JOB_NAME         what the training calls itself on its bar; else the log tells
  --no-stop-on-nan        --nan-threshold N (3)
  --no-stop-on-repeated-oom              --oom-threshold N (3 within 100 steps)
  --no-stop-on-stalled-progress          --stall-window-seconds S (600)  --min-step-delta N (1)
  --no-stop-on-throughput-collapse       --throughput-floor-iter-per-sec R (0.02)
                                         --low-speed-consecutive-polls N (2)
  --no-stop-on-loss-explosion            --loss-explosion-factor F (5)
  --max-hours H           --max-steps N
  --warn-only CODE        that rule only tells; may be repeated
  --dry-run               every rule only tells

A log has no clock: time is what the training's own bar shows as elapsed. The disk is not replayed.
Exit: 0 the log was read, 1 it could not be read or an option is wrong, 2 wrong usage.
`;

/** `trainyard guard-log FILE`: which guardrail would have fired in this log, where, and on what evidence. */
export async function guardLogCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    allowNegative: true,
    options: {
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      name: { type: "string" },
      ...flags(),
    },
  });
  if (values["help"]) {
    process.stdout.write(help);
    return 0;
  }
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) {
    throw new AppError("INVALID_ARGUMENT", "guard-log reads one file.", {
      hint: "Run: trainyard guard-log --help",
    });
  }
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new AppError("NOT_FOUND", "There is no such log.", { hint: "Give the path of a file." });
  }
  const rules = rulesOf(values);
  const jobName = typeof values["name"] === "string" ? values["name"] : nameIn(file);
  const replay = createReplay({ jobName, rules });
  const triggers: ReplayedTrigger[] = [];
  for await (const chunk of createReadStream(file)) triggers.push(...replay.push(chunk as Buffer));
  triggers.push(...replay.end());
  process.stdout.write(
    values["json"]
      ? `${JSON.stringify(asJson(file, jobName, rules, replay, triggers))}\n`
      : asText(jobName, replay, triggers),
  );
  return 0;
}

/** Every option of the tools is a flag of the same name; a boolean one is switched off by `--no-`. */
function flags(): Record<string, { type: "boolean" | "string"; multiple?: boolean }> {
  return Object.fromEntries(
    Object.keys(ruleOptions.shape).map((name) => [
      name.replaceAll("_", "-"),
      name === "warn_only"
        ? { type: "string", multiple: true }
        : { type: isSwitch(name) ? "boolean" : "string" },
    ]),
  );
}

function isSwitch(name: string): boolean {
  return name.startsWith("stop_on_") || name === "dry_run";
}

function rulesOf(values: Readonly<Record<string, unknown>>): GuardrailRules {
  const given = Object.keys(ruleOptions.shape).flatMap((name) => {
    const value = values[name.replaceAll("_", "-")];
    if (value === undefined) return [];
    return [[name, typeof value === "string" ? Number(value) : value] as const];
  });
  const parsed = ruleOptions.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = String(issue?.path[0] ?? "").replaceAll("_", "-");
    throw new AppError("INVALID_ARGUMENT", `--${field} is wrong: ${issue?.message ?? "unknown"}.`);
  }
  return {
    ...noGuardrailRules,
    ...rulesFrom(parsed.data, new Set(given.map(([name]) => name))),
  };
}

/** The header stands at the log's beginning, the bars soon after it. */
const searchedBytes = 4 * 1024 * 1024;

function nameIn(file: string): string {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(searchedBytes);
    const length = readSync(descriptor, bytes, 0, searchedBytes, 0);
    const name = findJobName(bytes.toString("utf8", 0, length));
    if (name !== null) return name;
  } finally {
    closeSync(descriptor);
  }
  throw new AppError("INVALID_ARGUMENT", "There is no training bar in this log.", {
    hint: "Give the job's name as its config has it: --name JOB_NAME.",
  });
}

function asJson(
  file: string,
  jobName: string,
  rules: GuardrailRules,
  replay: Replay,
  triggers: readonly ReplayedTrigger[],
) {
  const { step, totalSteps, oom, nanSteps } = replay.state();
  return {
    file,
    job_name: jobName,
    lines: replay.lines(),
    current_step: step,
    total_steps: totalSteps,
    nan_steps: nanSteps,
    skipped_batches: oom.skipped,
    would_stop: triggers.some(({ act }) => act !== "warn"),
    triggers: triggers.map(({ elapsedSeconds, save, ...rest }) => ({
      ...rest,
      elapsed_seconds: elapsedSeconds,
      checkpoint_first: save,
    })),
    rules: viewOfRules(rules),
  };
}

function asText(jobName: string, replay: Replay, triggers: readonly ReplayedTrigger[]): string {
  const { step, totalSteps, oom, nanSteps } = replay.state();
  const out = [
    `${printable(jobName)}: ${replay.lines()} lines, ${step === null ? "no step" : `step ${step} of ${totalSteps}`}, ${nanSteps} NaN steps, ${oom.skipped} skipped batches`,
  ];
  if (triggers.length === 0) out.push("No rule would have fired.");
  for (const { code, line, step: at, elapsedSeconds, message, act, evidence } of triggers) {
    out.push(
      `${act === "warn" ? "warn" : "STOP"}  line ${line}, step ${at ?? "?"}, ${Math.round(elapsedSeconds)} s  ${code}`,
      `      ${message}`,
      `      ${Object.entries(evidence)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(", ")}`,
    );
  }
  return `${out.join("\n")}\n`;
}

/** A name comes from the log: nothing in it may steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, "?");
}
