import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { command } from "../../support/trainyard.ts";

const folder = mkdtempSync(join(tmpdir(), "ty-synth-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  const done = spawnSync(process.execPath, [command, ...args], {
    encoding: "utf8",
    cwd: folder,
    timeout: 60_000,
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

const first =
  /^# This log is synthetic: trainyard synth-log wrote it with seed \d+, and nothing was trained\.\n/;

describe("trainyard synth-log", () => {
  it("writes a log that analyze-log understands", () => {
    const done = run("synth-log", "--scenario", "oom", "--steps", "40", "--output", "oom.log");

    expect(done).toEqual({ code: 0, out: "", err: "" });
    expect(readFileSync(join(folder, "oom.log"), "utf8")).toMatch(first);
    expect(run("analyze-log", "oom.log").out).toContain("Outcome   failed\nCategory  oom_gpu\n");
  });

  it("writes the same bytes for the same seed, to standard output too", () => {
    const args = [
      "synth-log",
      "--scenario",
      "nan",
      "--steps",
      "30",
      "--name",
      "a/b|c",
      "--seed",
      "9",
    ];
    const [one, two] = [run(...args, "--output", "-"), run(...args, "--output", "-")];
    run(...args, "--output", "nan.log");

    expect(one.out).toMatch(first);
    expect(one.out).toContain("\ra/b|c:   0%|");
    expect(two.out).toBe(one.out);
    expect(readFileSync(join(folder, "nan.log"), "utf8")).toBe(one.out);
  });

  it("refuses what is no regular file, also when it is told to write over it", () => {
    spawnSync("mkfifo", [join(folder, "pipe")]);
    const args = ["synth-log", "--scenario", "healthy", "--steps", "5", "--force"];
    for (const output of ["pipe", ".", "/dev/null"]) {
      const refused = run(...args, "--output", output);
      expect(refused.code).toBe(1);
      expect(refused.err).toContain("This is no regular file: ");
    }
  });

  it("does not write over a file unless it is told to", () => {
    writeFileSync(join(folder, "mine.log"), "mine");
    const args = ["synth-log", "--scenario", "healthy", "--steps", "5", "--output", "mine.log"];

    const refused = run(...args);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("--force");
    expect(readFileSync(join(folder, "mine.log"), "utf8")).toBe("mine");
    expect(run(...args, "--force").code).toBe(0);
    expect(readFileSync(join(folder, "mine.log"), "utf8")).toMatch(first);
  });

  it("a folder that is not there is told in a sentence", () => {
    const done = run("synth-log", "--scenario", "oom", "--steps", "5", "--output", "no/oom.log");
    expect(done.code).toBe(1);
    expect(done.err).toContain("The folder of this file does not exist");
    expect(done.err).not.toMatch(/^\s+at /m);
  });

  it.each<[string, string[], string]>([
    ["no scenario", [], "--scenario is one of: healthy, finished"],
    ["an unknown scenario", ["--scenario", "toString"], "--scenario is one of"],
    ["no steps", ["--scenario", "oom"], "--steps is a whole number"],
    ["no step at all", ["--scenario", "oom", "--steps", "0"], "--steps is a whole number"],
    ["half a step", ["--scenario", "oom", "--steps", "1.5"], "--steps is a whole number"],
    ["no output", ["--scenario", "oom", "--steps", "5"], "--output needs a file"],
    [
      "a name of two lines",
      ["--scenario", "oom", "--steps", "5", "--output", "-", "--name", "a\nb"],
      "one line",
    ],
    [
      "another trainer's scenario",
      ["--scenario", "oom-skipped", "--steps", "5", "--output", "-", "--format", "mlx-lm"],
      "can be shown by: ai-toolkit",
    ],
    ["an unknown trainer", ["--scenario", "oom", "--format", "x"], "--format is one of"],
    ["a seed that is none", ["--scenario", "oom", "--steps", "5", "--seed", "x"], "--seed"],
  ])("%s is wrong usage", (_what, args, text) => {
    const done = run("synth-log", ...args);
    expect(done).toMatchObject({ code: 2, out: "" });
    expect(done.err).toContain(text);
  });

  it("lists every scenario with what it shows", () => {
    const { code, out } = run("synth-log", "--help");
    expect(code).toBe(0);
    expect(out).toMatch(/^ {2}oom-skipped +.*: degraded, oom_gpu \(ai-toolkit\)$/m);
    expect(out).toMatch(/^ {2}healthy +.*: healthy$/m);
  });

  it("ends quietly when its reader goes away, long before 100,000,000 steps", async () => {
    const args = ["synth-log", "--scenario", "healthy", "--steps", "100000000", "--output", "-"];
    const child = spawn(process.execPath, [command, ...args]);
    let err = "";
    child.stderr.on("data", (data) => (err += String(data)));
    child.stdout.once("data", () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });
});
