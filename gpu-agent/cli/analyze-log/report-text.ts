import { cleanText } from "@trainyard/shared/logs/lines/clean-lines.ts";
import type { LogReport } from "@trainyard/shared/logs/log-report.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { redact } from "@trainyard/shared/redact.ts";

/** The public form of a report. The log's own line has no secrets of known shape any more. */
export function reportJson(report: LogReport): Record<string, unknown> {
  return {
    tool: report.tool,
    outcome: report.outcome,
    training_found: isTraining(report),
    category: report.category,
    root_cause_line: report.rootCauseLine === null ? null : redact(report.rootCauseLine),
    cause: report.cause,
    fix: report.fix,
    call: report.call,
    signature: report.signature,
    last_step: report.lastStep,
    total_steps: report.totalSteps,
    last_loss: report.lastLoss,
    last_lr: report.lastLr,
    last_speed_it_s: report.lastSpeed,
    running_speed_it_s: report.runningSpeed,
    nan_count: report.nanCount,
    oom_skipped: report.oomSkipped,
    fragments: report.fragments,
    bytes: report.bytes,
  };
}

/** What a person reads: one fact a line, nothing of the log that could move a cursor or hide. */
export function reportText(report: LogReport): string {
  const lines: [string, string | null][] = [
    ["Outcome", isTraining(report) ? report.outcome : "unknown: no training shows in this text"],
    ["Category", report.category === "none" ? null : report.category],
    ["Cause", report.cause],
    ["Fix", report.fix],
    ["Call", report.call],
    ["Line", report.rootCauseLine === null ? null : shown(report.rootCauseLine)],
    ["Trainer", report.tool],
    ["Step", steps(report)],
    ["Loss", report.lastLoss === null ? null : String(report.lastLoss)],
    ["LR", report.lastLr === null ? null : String(report.lastLr)],
    ["Speed", report.lastSpeed === null ? null : speed(report.lastSpeed)],
    ["NaN", report.nanCount === 0 ? null : `${report.nanCount} times`],
    ["Skipped", report.oomSkipped === 0 ? null : `${report.oomSkipped} batches`],
    ["Read", `${report.fragments.toLocaleString("en")} lines and redraws`],
  ];
  return lines
    .flatMap(([name, value]) => (value === null ? [] : `${name.padEnd(9)} ${value}\n`))
    .join("");
}

/** Of a text without a step, a loss or a fault nothing can be said, and "healthy" would be taken for praise. */
function isTraining({ outcome, lastStep, totalSteps, lastLoss, nanCount }: LogReport): boolean {
  return (
    outcome !== "healthy" ||
    lastStep !== null ||
    totalSteps !== null ||
    lastLoss !== null ||
    nanCount > 0
  );
}

function shown(line: string): string {
  const text = redact(cleanText(line).trim());
  return text.length > limits.logLineCharacters
    ? `${text.slice(0, limits.logLineCharacters).toWellFormed()}…`
    : text;
}

function steps({ lastStep, totalSteps }: LogReport): string | null {
  if (lastStep === null)
    return totalSteps === null ? null : `of ${totalSteps.toLocaleString("en")}`;
  const total = totalSteps === null ? "" : ` of ${totalSteps.toLocaleString("en")}`;
  return `${lastStep.toLocaleString("en")}${total}`;
}

function speed(stepsPerSecond: number): string {
  return stepsPerSecond >= 1 || stepsPerSecond === 0
    ? `${stepsPerSecond} steps/s`
    : `${Number((1 / stepsPerSecond).toPrecision(4))} s/step`;
}
