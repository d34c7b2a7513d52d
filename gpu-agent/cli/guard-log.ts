import { parseArgs } from "node:util";
import { z } from "zod";
import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { createAnyLogReplay } from "@trainyard/shared/analysis/guards/replay-any-log.ts";
import { createReplay } from "@trainyard/shared/analysis/guards/replay-guardrails.ts";
import type { Replay, ReplayedTrigger } from "@trainyard/shared/analysis/guards/replay-judge.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import {
  changeOptions,
  rulesFrom,
  startOptions,
  viewOfRules,
} from "@trainyard/shared/tools/guardrail-options.ts";
import { asUtf8, readBytes } from "./analyze-log/read-bytes.ts";
import { barNames, findJobName, isAiToolkitLog, jobHeader } from "./guard-log/job-name.ts";
import { createStdoutWriter } from "./write-out.ts";

/** The options of run-training-with-guardrails, and the two that only set-guardrails has. */
const ruleOptions = z.strictObject({
  ...startOptions,
  loss_explosion_factor: changeOptions.loss_explosion_factor,
  warn_only: changeOptions.warn_only,
});

const help = `trainyard guard-log FILE|-: which guardrail would have fired in a training log, where, and on what evidence

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

Reads any trainer's log, a pipe, or - for standard input. A log has no clock: time is what the training's own bar shows
as elapsed, or steps by the printed speed. The disk is not replayed; skipped batches are told by AI Toolkit alone.
Exit: 0 the log was read, 1 it could not be read or an option is wrong, 2 wrong usage.
`;

/** `trainyard guard-log FILE|-`: which guardrail would have fired in this log, where, and on what evidence. */
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
  const write = createStdoutWriter();
  if (values["help"]) {
    await write(help);
    return 0;
  }
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) {
    throw new AppError("INVALID_ARGUMENT", "guard-log reads one file.", {
      hint: "Run: trainyard guard-log --help",
    });
  }
  if (file === "-" && process.stdin.isTTY) {
    process.stderr.write("Reading the log from the terminal; Ctrl-D ends it.\n");
  }
  const rules = rulesOf(values);
  const named = typeof values["name"] === "string" ? values["name"] : null;
  const { head, replay, jobName, triggers } = await replayed(file, named, rules);
  if (!replay.found()) refuseUnseen(head, named);
  await write(
    values["json"]
      ? `${JSON.stringify(asJson(file, jobName, rules, replay, triggers))}\n`
      : asText(jobName, replay, triggers),
  );
  return 0;
}

/** The header stands at the log's beginning, the bars soon after it. */
const searchedBytes = 4 * 1024 * 1024;

/** Keeps the log's beginning until it is clear who wrote it, then reads on a piece at a time. */
async function replayed(file: string, named: string | null, rules: GuardrailRules) {
  const first: Uint8Array[] = [];
  let length = 0;
  const pieces = asUtf8(readBytes(file));
  for (;;) {
    if (length >= searchedBytes) break;
    const next = await pieces.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
  }
  const bytes = Buffer.concat(first);
  const head = bytes.toString("utf8");
  const aiToolkit = isAiToolkitLog(head);
  const jobName = named ?? (aiToolkit ? findJobName(head) : null);
  const replay =
    aiToolkit && jobName !== null
      ? createReplay({ jobName, rules })
      : createAnyLogReplay({ jobName, rules });
  const triggers: ReplayedTrigger[] = [...replay.push(bytes)];
  for await (const piece of pieces) triggers.push(...replay.push(piece));
  triggers.push(...replay.end());
  return { head, replay, jobName, triggers };
}

/** "No rule would have fired" must not be said of a training that was not seen. */
function refuseUnseen(head: string, named: string | null): void {
  const header = jobHeader(head);
  // Its own header names the job: it ended before its first step, and that is told.
  if (header !== null && (named === null || named === header)) return;
  if (named === null) {
    throw new AppError("INVALID_ARGUMENT", "There is no training in this log.", {
      hint: "Where its bar is called something unusual, give the name: --name JOB_NAME.",
    });
  }
  const bars = barNames(head).map(printable);
  throw new AppError("INVALID_ARGUMENT", "No training bar in this log has that name.", {
    hint:
      bars.length === 0
        ? "There are no bars with a name in it: leave --name out."
        : `Bars in it: ${bars.map((name) => JSON.stringify(name)).join(", ")}. Give one of them, or leave --name out.`,
  });
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

function asJson(
  file: string,
  jobName: string | null,
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
    losses: replay.losses(),
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

function asText(
  jobName: string | null,
  replay: Replay,
  triggers: readonly ReplayedTrigger[],
): string {
  const { step, totalSteps, oom, nanSteps } = replay.state();
  const out = [
    `${printable(jobName ?? "training")}: ${replay.lines()} lines, ${step === null ? "no step" : `step ${step}${totalSteps === null ? "" : ` of ${totalSteps}`}`}, ${nanSteps} NaN steps, ${oom.skipped} skipped batches`,
  ];
  if (triggers.length === 0) out.push("No rule would have fired.");
  if (step !== null && replay.losses() === 0) {
    out.push("No loss was printed: NaN and a loss that explodes would not be seen.");
  }
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
