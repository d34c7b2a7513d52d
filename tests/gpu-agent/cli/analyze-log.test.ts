import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Readable } from "node:stream";
import { afterAll, describe, expect, it } from "vitest";
import { readCases } from "../../../gpu-agent/cli/analyze-log/read-cases.ts";
import { command } from "../../support/trainyard.ts";

const folder = mkdtempSync(join(tmpdir(), "ty-analyze-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(args: string[], input: string | Buffer = "") {
  const done = spawnSync(process.execPath, [command, "analyze-log", ...args], {
    cwd: folder,
    input,
    timeout: 20_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { code: done.status, out: done.stdout.toString(), err: done.stderr.toString() };
}

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const bar = "my_lora:  50%|█████     | 20/40 [00:10<00:10,  2.04s/it, lr: 1.0e-04 loss: 1.149e+00]";
const failed = `# Running job: my_lora\n\r${bar}\nTraceback (most recent call last):\n  File "/w/run.py", line 1, in <module>\n    main()\nOSError: [Errno 28] No space left on device\n`;
const healthy = `# Running job: my_lora\n\r${bar}\r`;
const nan = `# Running job: my_lora\n\r${bar}loss is nan\n\r${bar.replace("20/40", "21/40").replace("1.149e+00", "0.000e+00")}\r`;

const jsonlKeys = [
  "id",
  "outcome",
  "category",
  "root_cause_line",
  "last_step",
  "total_steps",
  "last_loss",
  "last_lr",
  "last_speed_it_s",
];

describe("trainyard analyze-log", () => {
  it("tells a person outcome, cause, fix, the line and the figures", () => {
    const done = run([file("failed.log", failed)]);

    expect(done).toMatchObject({ code: 0, err: "" });
    expect(done.out.split("\n")).toEqual([
      "Outcome   failed",
      "Category  disk_full",
      "Cause     The disk is full.",
      expect.stringMatching(/^Fix {7}\S.*\.$/),
      expect.stringMatching(/^Call {6}\S/),
      "Line      OSError: [Errno 28] No space left on device",
      "Trainer   ai-toolkit",
      "Step      20 of 40",
      "Loss      1.149",
      "LR        0.0001",
      "Speed     2.04 s/step",
      expect.stringMatching(/^Read {6}\d+ lines and redraws$/),
      "",
    ]);
  });

  it("reads standard input", () => {
    expect(run(["-"], healthy).out).toContain("Outcome   healthy\nTrainer   ai-toolkit\nStep");
  });

  it("reads a named pipe", async () => {
    const pipe = join(folder, "pipe");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    const child = spawn(process.execPath, [command, "analyze-log", pipe]);
    let out = "";
    child.stdout.on("data", (data) => (out += String(data)));
    writeFileSync(pipe, failed);
    await new Promise((resolve) => child.on("close", resolve));
    expect(out).toContain("Category  disk_full");
  });

  it("reads what Windows PowerShell wrote, in either order of bytes, and UTF-8 with a mark", () => {
    const little = Buffer.from(`\ufeff${failed}`, "utf16le");
    for (const bytes of [
      little,
      Buffer.from(little).swap16(),
      Buffer.from(`\ufeff${failed}`, "utf8"),
    ]) {
      const done = run(["-"], bytes);
      expect(done.out).toContain("Category  disk_full");
      expect(done.out).toContain("Step      20 of 40");
    }
    expect(run(["-"], Buffer.from([0xff])).code).toBe(0);
    for (const text of ["", "hello\n", "musubi-tuner is a trainer\n"]) {
      expect(run(["-"], text).out).toContain("Outcome   unknown: no training shows in this text");
      expect(JSON.parse(run(["-", "--json"], text).out)).toMatchObject({ training_found: false });
    }
  });

  it("lets nothing of the log reach the terminal but visible text without secrets", () => {
    const line = `OSError: [Errno 28] No space left on device: \u001b[2J\u0007\u202e'/x' hf_${"a".repeat(34)}`;
    const path = file(
      "nasty.log",
      `Traceback (most recent call last):\n  File "x", line 1, in y\n${line}\n`,
    );

    const { out } = run([path]);
    // oxlint-disable-next-line no-control-regex -- these are what must not be there
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(out).toMatch(/No space left on device: +'\/x' \[redacted:hf_token\]/);
    expect(run([path, "--json"]).out).not.toContain("hf_aaaa");
  });

  it("prints the whole report as JSON", () => {
    const done = run(["--json", file("failed.log", failed)]);

    expect(done.out).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(done.out)).toMatchObject({
      tool: "ai-toolkit",
      outcome: "failed",
      category: "disk_full",
      root_cause_line: "OSError: [Errno 28] No space left on device",
      signature: "disk-full",
      last_step: 20,
      total_steps: 40,
      last_loss: 1.149,
      last_lr: 0.0001,
      last_speed_it_s: 0.490196,
      running_speed_it_s: 0.490196,
      nan_count: 0,
      bytes: Buffer.byteLength(failed),
    });
  });

  it.each<[string, string, string[], number]>([
    ["a failed log", failed, [], 0],
    ["a failed log with --fail", failed, ["--fail"], 3],
    ["a spoilt log with --fail", nan, ["--fail"], 4],
    ["a healthy log with --fail", healthy, ["--fail"], 0],
    ["a healthy log that ended with 1", healthy, ["--fail", "--exit-code", "1"], 3],
    ["a healthy log that a signal ended", healthy, ["--fail", "--signal", "kill"], 3],
    ["a healthy log that ended with -9", healthy, ["--fail", "--exit-code=-9"], 3],
    ["a healthy log that ended with 0", healthy, ["--fail", "--exit-code", "0"], 0],
  ])("exits by what it was asked: %s", (_what, log, args, code) => {
    expect(run(["-", ...args], log).code).toBe(code);
  });

  it("takes the signal and the job's name as facts", () => {
    expect(JSON.parse(run(["-", "--json", "--signal", "SIGKILL"], healthy).out)).toMatchObject({
      outcome: "failed",
      category: "killed",
    });
    const two = `\r${bar}\r${bar.replace("my_lora", "other").replace("20/40", "7/40")}`;
    expect(JSON.parse(run(["-", "--json", "--name", "my_lora"], two).out).last_step).toBe(20);
    expect(JSON.parse(run(["-", "--json", "--name", "other"], two).out).last_step).toBe(7);
  });

  it.each<[string, string[], string]>([
    ["no file", [], "Which log?"],
    ["two files", ["a", "b"], "word too many: b"],
    ["an unknown trainer", ["-", "--tool", "tensorflow"], "--tool is one of: ai-toolkit"],
    ["an unknown option", ["-", "--jason"], "--jason"],
    ["an exit code that is none", ["-", "--exit-code", "x"], "whole number"],
    ["a signal that is none", ["-", "--signal", "SIGNOPE"], "--signal"],
    ["facts of one log with many", ["-", "--jsonl", "--name", "x"], "not about --jsonl"],
  ])("%s is wrong usage", (_what, args, text) => {
    const done = run(args);
    expect(done.code).toBe(2);
    expect(done.err).toContain(text);
    expect(done.err).not.toMatch(/^\s+at /m);
  });

  it.each<[string, () => string, string]>([
    ["a missing file", () => join(folder, "nope.log"), "There is no such file"],
    ["a folder", () => folder, "This is a folder"],
    ["a path through a file", () => join(file("plain", ""), "x"), "There is no such file"],
  ])("%s is told in a sentence", (_what, path, text) => {
    const done = run([path()]);
    expect(done).toMatchObject({ code: 1, out: "" });
    expect(done.err).toContain(text);
    expect(done.err.trim().split("\n")).toHaveLength(2);
  });

  it.skipIf(process.getuid?.() === 0)("a file that may not be read is told in a sentence", () => {
    const path = file("secret.log", failed);
    chmodSync(path, 0o000);
    expect(run([path])).toMatchObject({ code: 1, err: expect.stringContaining("may not read") });
  });

  it("explains itself, and only itself", () => {
    const done = run(["--help"]);
    expect(done.code).toBe(0);
    expect(done.out).toMatch(/^trainyard analyze-log FILE\|-: /);
    expect(run(["-h"]).out).toBe(done.out);
  });

  it("loads nothing of the agent or of any package", () => {
    const loaded = join(folder, "loaded");
    const done = spawnSync(process.execPath, [command, "analyze-log", "-"], {
      input: healthy,
      env: { ...process.env, NODE_V8_COVERAGE: loaded },
    });
    expect(done.status).toBe(0);
    // What Node writes about coverage names every script that was run.
    const files = readdirSync(loaded)
      .flatMap((name) => {
        const text = readFileSync(join(loaded, name), "utf8");
        return (JSON.parse(text) as { result: { url: string }[] }).result;
      })
      .filter(({ url }) => url.startsWith("file:"))
      .map(({ url }) => fileURLToPath(url));
    expect(files.map((path) => basename(path))).toContain("trainyard.js");
    expect(new Set(files.map((path) => dirname(path)))).toEqual(new Set([dirname(command)]));
    const bytes = files.reduce((sum, path) => sum + statSync(path).size, 0);
    expect(bytes).toBeLessThan(256 * 1024);
  });
});

describe("trainyard analyze-log --jsonl", () => {
  const line = (value: unknown): string => `${JSON.stringify(value)}\n`;

  it("answers each line with exactly the nine fields, in order", () => {
    const input =
      line({ id: "a", tool: "ai-toolkit", log: failed }) +
      line({ id: "b", tool: "a trainer nobody knows", log: healthy, expect: { outcome: "x" } });
    const done = run(["--jsonl", "-"], input);

    expect(done).toMatchObject({ code: 0, err: "" });
    const answers = done.out
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text));
    expect(answers.map((answer) => Object.keys(answer))).toEqual([jsonlKeys, jsonlKeys]);
    expect(answers).toMatchObject([
      {
        id: "a",
        outcome: "failed",
        category: "disk_full",
        root_cause_line: "OSError: [Errno 28] No space left on device",
        last_step: 20,
        total_steps: 40,
        last_loss: 1.149,
        last_lr: 0.0001,
        last_speed_it_s: 0.490196,
      },
      { id: "b", outcome: "healthy", category: "none", root_cause_line: null },
    ]);
  });

  it("tells the number of a bad line, answers the others and exits 1", () => {
    const input =
      line({ id: "a", tool: "pytorch", log: "" }) +
      '{"id": "b", \n' +
      "\n" +
      line(["c"]) +
      line({ tool: "pytorch", log: "" }) +
      line({ id: "e", log: 7 }) +
      line({ id: "f", log: "a\u2028b" }).replace("\\u2028", "\u2028").trimEnd();
    const done = run(["--jsonl", file("cases.jsonl", input)]);

    expect(done.code).toBe(1);
    expect(
      done.out
        .trimEnd()
        .split("\n")
        .map((text) => JSON.parse(text).id),
    ).toEqual(["a", "f"]);
    expect(done.err).toBe(
      [
        "Line 2 is not JSON; it was left out.",
        "Line 4 is not an object; it was left out.",
        "Line 5 has no id; it was left out.",
        "Line 6 has no log; it was left out.",
        "",
      ].join("\n"),
    );
  });

  it("does not mind where the reads of the file are cut", async () => {
    const bytes = Buffer.from(
      `${line({ id: 1, log: "ü" })}\n${line({ id: 2, log: healthy })}x\n${line({ id: 3, log: "" }).trimEnd()}`,
    );
    const readAll = async (pieces: Iterable<Uint8Array>): Promise<[number, string | null][]> => {
      const seen: [number, string | null][] = [];
      const stream = Readable.from(pieces, { objectMode: true });
      for await (const { number, problem } of readCases(stream, undefined)) {
        seen.push([number, problem]);
      }
      return seen;
    };
    const whole = await readAll([bytes]);
    expect(whole).toEqual([
      [1, null],
      [3, null],
      [4, "is not JSON"],
      [5, null],
    ]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(await readAll([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
    }
    expect(await readAll(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  it("ends quietly when its reader goes away", async () => {
    const cases = Array.from({ length: 20_000 }, (_, id) => line({ id, tool: "pytorch", log: "" }));
    const path = file("many.jsonl", cases.join(""));
    const child = spawn(process.execPath, [command, "analyze-log", "--jsonl", path]);
    let err = "";
    child.stderr.on("data", (data) => (err += String(data)));
    child.stdout.once("data", () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });
});
