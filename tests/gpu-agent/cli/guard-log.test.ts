import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defaultGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { createAnyLogReplay } from "@trainyard/shared/analysis/guards/replay-any-log.ts";
import { syntheticLog } from "@trainyard/shared/logs/synthetic/synthetic-log.ts";
import { describe, expect, it } from "vitest";
import { findJobName } from "../../../gpu-agent/cli/guard-log/job-name.ts";
import { jobNameIn, readLogCases, writtenLog } from "../../support/guard-logs.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

const entry = fileURLToPath(new URL("../../../gpu-agent/cli/main.ts", import.meta.url));
const cases = readLogCases(
  new URL("../../fixtures/logs/ai-toolkit-local-runs.jsonl", import.meta.url),
);

function guardLog(log: string | null, ...flags: string[]) {
  const path = join(temporaryFolder(), "log.txt");
  if (log !== null) writeFileSync(path, log);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [entry, "guard-log", path, ...flags],
    { encoding: "utf8" },
  );
  return { status, stdout, stderr };
}

const everyRule = ["--stop-on-nan", "--stop-on-loss-explosion", "--stop-on-stalled-progress"];
const faulty = writtenLog("living_room").steps(120, 1).oom().oom().oom().steps(30, 1).hang(700);

describe("trainyard guard-log", () => {
  it("says which rule would have fired, where, and on what evidence", () => {
    const { status, stdout } = guardLog(faulty.text());
    expect(status).toBe(0);
    expect(stdout).toContain("living_room: ");
    expect(stdout).toMatch(/STOP {2}line \d+, step 120, 120 s {2}TRAINING_REPEATED_OOM/);
    expect(stdout).toMatch(/STOP {2}line \d+, step 150, \d+ s {2}TRAINING_STALLED_PROGRESS/);
    expect(stdout).toContain("oom_count 3, oom_threshold 3");
  });

  it("takes every option of the tools, and answers in JSON", () => {
    const { stdout } = guardLog(
      faulty.text(),
      "--json",
      "--oom-threshold=4",
      "--stall-window-seconds=800",
      "--max-steps=140",
      "--warn-only=TRAINING_NAN_LOSS",
      "--no-stop-on-loss-explosion",
      "--dry-run",
    );
    expect(JSON.parse(stdout)).toMatchObject({
      job_name: "living_room",
      current_step: 150,
      skipped_batches: 3,
      would_stop: true,
      triggers: [{ code: "MAX_STEPS_REACHED", step: 140, act: "would-stop" }],
      rules: { stop_on_loss_explosion: false, warn_only: ["TRAINING_NAN_LOSS"], acting: [] },
    });
  });

  it("says that no rule would have fired", () => {
    const healthy = cases.find((one) => one.expect.outcome === "healthy");
    expect(guardLog(healthy?.log ?? "").stdout).toContain("No rule would have fired.");
  });

  it.each([
    ["no such file", null, [], "There is no such file: "],
    ["a log without a training", "nothing\n", [], "There is no training in this log"],
    [
      "a log whose only bar is a validation's",
      "\rCalculating loss...: 100%|###| 25/25 [00:06<00:00,  4.10it/s]\nIter 1: Val loss nan, Val took 6s\n",
      [],
      "There is no training in this log",
    ],
    ["a name that no bar has", faulty.text(), ["--name=kitchen"], 'Bars in it: "living_room"'],
    [
      "a name that no bar has, in another trainer's log",
      "\rsteps:  50%|#####     | 20/40 [00:12<00:12,  1.60it/s, avr_loss=0.6]",
      ["--name=kitchen"],
      'Bars in it: "steps"',
    ],
    ["a number that is none", faulty.text(), ["--max-steps=x"], "--max-steps is wrong"],
    ["a code there is not", faulty.text(), ["--warn-only=OOM"], "--warn-only is wrong"],
  ])("refuses %s", (_name, log, flags, said) => {
    const { status, stderr } = guardLog(log, ...flags);
    expect(status).toBe(1);
    expect(stderr).toContain(said);
  });

  it("says that its rules had no loss to judge", () => {
    const silent = "\rsteps:  50%|#####     | 20/40 [00:12<00:12,  1.60it/s]";
    expect(guardLog(silent).stdout).toContain("No loss was printed");
    expect(JSON.parse(guardLog(silent, "--json").stdout)).toMatchObject({ losses: 0 });
    expect(guardLog(faulty.text()).stdout).not.toContain("No loss was printed");
  });

  it("refuses a folder with a hint", () => {
    const folder = join(temporaryFolder(), "logs");
    mkdirSync(folder);
    const { status, stderr } = spawnSync(process.execPath, [entry, "guard-log", folder], {
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(stderr).toContain("This is a folder, not a log: ");
  });

  it("reads UTF-16, standard input and a named pipe as a file", () => {
    const text = faulty.text();
    const fired = guardLog(text).stdout;
    expect(fired).toContain("TRAINING_REPEATED_OOM");
    const folder = temporaryFolder();
    writeFileSync(join(folder, "utf16.log"), Buffer.from(`\ufeff${text}`, "utf16le"));
    writeFileSync(join(folder, "plain.log"), text);
    const shell = (line: string) =>
      spawnSync("sh", ["-c", line, process.execPath, entry], { encoding: "utf8", cwd: folder })
        .stdout;
    expect(shell('"$0" "$1" guard-log utf16.log')).toBe(fired);
    expect(shell('"$0" "$1" guard-log - < plain.log')).toBe(fired);
    expect(shell('mkfifo p; cat plain.log > p & "$0" "$1" guard-log p')).toBe(fired);
  });

  it.each(["mlx-lm", "hf-trainer", "sd-scripts"] as const)(
    "reads what %s prints: NaN fires, a healthy run does not",
    (format) => {
      const log = (scenario: "nan" | "healthy") =>
        [...syntheticLog({ scenario, steps: 300, format, seed: 7, jobName: "dog" })].join("");
      const nan = guardLog(log("nan"), "--json", ...everyRule);
      expect(JSON.parse(nan.stdout)).toMatchObject({
        job_name: null,
        total_steps: 300,
        would_stop: true,
        triggers: [{ code: "TRAINING_NAN_LOSS" }],
      });
      const healthy = guardLog(log("healthy"), "--json", ...everyRule);
      expect(JSON.parse(healthy.stdout)).toMatchObject({
        current_step: 180,
        total_steps: 300,
        nan_steps: 0,
        triggers: [],
      });
      expect(guardLog(log("healthy"), "--json", "--max-steps=100").stdout).toContain(
        '"MAX_STEPS_REACHED"',
      );
    },
  );

  it("stops no healthy real run of another trainer", () => {
    const others = readLogCases(
      new URL("../../fixtures/logs/hf-trainer-local-runs.jsonl", import.meta.url),
    ).filter((one) => one.expect.outcome === "healthy");
    expect(others.length).toBeGreaterThanOrEqual(2);
    for (const { log } of others) {
      const replay = createAnyLogReplay({ jobName: null, rules: defaultGuardrailRules });
      const told = [...replay.push(new TextEncoder().encode(log)), ...replay.end()];
      expect(told).toEqual([]);
      expect(replay.found()).toBe(true);
    }
  });

  it("steers no terminal by a name from the log", () => {
    const { stdout } = guardLog(writtenLog("a\u001b]0;owned\u0007").steps(20, 1).text());
    expect(stdout).toContain("a?]0;owned?: ");
  });

  it("finds the job's name in every log that has its bar", () => {
    for (const { log } of cases) {
      if (jobNameIn(log) !== "none" && /\d+%\|/.test(log)) {
        expect(findJobName(log)).toBe(jobNameIn(log));
      }
    }
  });
});
