import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
    ["no such file", null, [], "NOT_FOUND"],
    ["a log without a bar", "nothing\n", [], "--name JOB_NAME"],
    ["a number that is none", faulty.text(), ["--max-steps=x"], "--max-steps is wrong"],
    ["a code there is not", faulty.text(), ["--warn-only=OOM"], "--warn-only is wrong"],
  ])("refuses %s", (_name, log, flags, said) => {
    const { status, stderr } = guardLog(log, ...flags);
    expect(status).toBe(1);
    expect(stderr).toContain(said);
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
