import { readFileSync } from "node:fs";
import { createReplay } from "@trainyard/shared/analysis/guards/replay-guardrails.ts";
import type { ReplayedTrigger } from "@trainyard/shared/analysis/guards/replay-judge.ts";
import { defaultGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";

export interface LogCase {
  readonly id: string;
  readonly log: string;
  readonly expect: { readonly outcome: string; readonly category: string };
}

/** Logs of the real trainer, one case a line. */
export function readLogCases(path: string | URL): readonly LogCase[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LogCase);
}

/** Words of a job's name that earlier systems took for a fault (peers 5.1: 3 and 4). */
export const nastyNames = [
  "living_room",
  "banana",
  "bloom",
  "inference",
  "INFO",
  "inf",
  "nan",
  "oom",
  "my_timeout_ssl_dns_lora",
  "CUDA out of memory",
] as const;

/** The header names the job; where the fixture left it out, the last bar that is no library's does. */
export function jobNameIn(log: string): string {
  const header = /^# Running job: (.*)$/m.exec(log)?.[1];
  const labels = [...log.matchAll(/^(.+?): +\d+%\|[^|]*\| \d+\/\d+ \[/gm)].map(
    ([, label]) => label,
  );
  return (
    header ??
    labels.findLast((label) => !/^(?:Loading|Generating|Caching)/.test(label ?? "")) ??
    "none"
  );
}

export function replay(
  log: string,
  jobName: string,
  rules: GuardrailRules = defaultGuardrailRules,
): readonly ReplayedTrigger[] {
  const replaying = createReplay({ jobName, rules });
  return [...replaying.push(new TextEncoder().encode(log)), ...replaying.end()];
}

/** A log of AI Toolkit's shape, frame by frame, with its own clock. */
export function writtenLog(jobName: string, totalSteps = 5_000) {
  const parts: string[] = ["Running 1 job\n", `# Running job: ${jobName}\n`];
  let seconds = 0;
  let step = 0;
  const clock = (): string => {
    const whole = Math.round(seconds);
    const two = (value: number): string => String(value).padStart(2, "0");
    const [h, m, s] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
    return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
  };
  const frame = (count: number, loss: number, perStep: number): void => {
    const rate = perStep > 1 ? `${perStep.toFixed(2)}s/it` : `${(1 / perStep).toFixed(2)}it/s`;
    const percent = String(Math.floor((100 * count) / totalSteps)).padStart(3);
    parts.push(
      `\r${jobName}: ${percent}%|#         | ${count}/${totalSteps} [${clock()}<${clock()}, ${rate}, lr: 1.0e-04 loss: ${loss.toExponential(3)}]`,
    );
  };
  const log = {
    /** Steps of so many seconds each; AI Toolkit redraws twice a step. */
    steps(
      count: number,
      perStep: number,
      loss: (step: number) => number = (n) => 0.1 + (n % 9) / 100,
    ) {
      for (let i = 0; i < count; i += 1) {
        frame(step, loss(step), perStep);
        seconds += perStep;
        step += 1;
        frame(step, loss(step - 1), perStep);
      }
      return log;
    },
    /** The bar stands still for so long and then draws itself again. */
    hang(forSeconds: number) {
      seconds += forSeconds;
      frame(step, 0.1, 1);
      return log;
    },
    line(text: string) {
      parts.push(`\n${text}\n`);
      return log;
    },
    oom() {
      return log.line(
        `${"#".repeat(48)}\n# OOM during training step, skipping batch 1/3 #\n${"#".repeat(48)}`,
      );
    },
    step: () => step,
    text: () => parts.join(""),
  };
  return log;
}
