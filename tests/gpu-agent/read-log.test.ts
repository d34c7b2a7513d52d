import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { newJobId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { attemptFiles, openHome } from "../../gpu-agent/home.ts";
import type { OperationContext } from "../../gpu-agent/operations/operation-context.ts";
import { readLog } from "../../gpu-agent/operations/read-log.ts";
import { openSpool } from "../../gpu-agent/spool.ts";
import { systemTime } from "../../gpu-agent/time.ts";
import { framesOf, someLog } from "../shared/logs/some-log.ts";
import { temporaryFolder } from "./support/temporary-home.ts";
import { tinyStart } from "./support/tiny-job.ts";

type Value = OperationValue<"read-log">;

function setUp(options: { state?: "running" | "failed"; secrets?: string[] } = {}) {
  const folder = temporaryFolder();
  const home = openHome(folder);
  const spool = openSpool({
    path: join(folder, "s.db"),
    clock: { now: () => 1 },
    log: () => undefined,
  });
  onTestFinished(() => spool.close());
  const jobId = newJobId();
  const addAttempt = (attempt: number, state: "running" | "failed" = "running") => {
    const spec = { args: tinyStart({ steps: 500 }), training: { name: "cats" }, bootId: "b" };
    spool.createAttempt({ jobId, attempt, state, spec, createdAtMs: 1 }, []);
    const files = attemptFiles(home, jobId, attempt);
    mkdirSync(files.folder, { recursive: true });
    return files;
  };
  const files = addAttempt(1, options.state);
  const secrets = (options.secrets ?? []).map((value) => ({ value }));
  // The operation uses nothing else of the agent.
  const context = { home, spool, secrets, time: systemTime } as unknown as OperationContext;
  const read = async (change: Partial<OperationArgs<"read-log">> = {}): Promise<Value> => {
    const value = await readLog(
      { jobId, attempt: null, stream: "both", lines: 100, grep: null, around: null, ...change },
      context,
    );
    return operations["read-log"].value.parse(value);
  };
  return { files, read, addAttempt, spool, jobId };
}

const texts = ({ lines }: Value) => lines.map(({ text }) => text);
const frame = (n: number, name = "cats", total = 500) =>
  `\r${name}:  10%|#  | ${n}/${total} [00:${String(n % 60).padStart(2, "0")}<01:00,  1.00it/s, loss: 1.0e-01]`;

test("gives the end of both files, the first error, and the frame that is being drawn", async () => {
  const { files, read } = setUp({ secrets: ["swordfish"] });
  writeFileSync(files.stdout, "loading\nlogin swordfish\nloading\nloading\n");
  writeFileSync(
    files.stderr,
    `a\nb\nc\nRuntimeError: first\nKeyError: second\n${frame(1)}${frame(2)}`,
  );
  const value = await read();

  expect(texts(value)).toEqual([
    "loading",
    "login [redacted:secret]",
    "loading",
    "a",
    "b",
    "c",
    "RuntimeError: first",
    "KeyError: second",
    frame(1).slice(1),
  ]);
  expect(value).toMatchObject({
    attempt: 1,
    totalLines: 10,
    truncated: false,
    firstError: "RuntimeError: first",
    unfinished: [{ stream: "stderr", text: frame(2).slice(1) }],
    reset: false,
  });
  expect(value.errorContext?.map(({ text, match, n }) => [text.slice(0, 12), match, n])).toEqual([
    ["a", undefined, 1],
    ["b", undefined, 2],
    ["c", undefined, 3],
    ["RuntimeError", true, 4],
    ["KeyError: se", undefined, 5],
    ["cats:  10%|#", undefined, 6],
  ]);
});

test("a talkative stream leaves room for the other", async () => {
  const { files, read } = setUp();
  writeFileSync(files.stdout, "quiet 1\nquiet 2\n");
  writeFileSync(files.stderr, Array.from({ length: 50 }, (_, n) => `w${n}\n`).join(""));

  expect(texts(await read({ lines: 5 }))).toEqual(["quiet 1", "quiet 2", "w47", "w48", "w49"]);
  expect((await read({ lines: 5 })).truncated).toBe(true);
});

test("a walk by cursor over growing files gives every redraw and line exactly once", async () => {
  await fc.assert(
    fc.asyncProperty(
      someLog,
      someLog,
      fc.array(fc.tuple(fc.nat(300), fc.nat(300), fc.integer({ min: 1, max: 9 })), {
        maxLength: 12,
      }),
      async (stdout, stderr, looks) => {
        const { files, read, spool, jobId } = setUp();
        const sources = { stdout: Buffer.from(stdout), stderr: Buffer.from(stderr) };
        const sizes = { stdout: 0, stderr: 0 };
        const got: Value["lines"] = [];
        let since = "start";
        const grow = (name: "stdout" | "stderr", bytes: number): void => {
          const from = sizes[name];
          sizes[name] = Math.min(sources[name].byteLength, from + bytes);
          appendFileSync(files[name], sources[name].subarray(from, sizes[name]));
        };
        const look = async (lines: number): Promise<Value> => {
          const room = { characters: 400, lineCharacters: 50, withObjects: false };
          const value = await read({ since, lines, room });
          got.push(...value.lines);
          since = value.cursor ?? "";
          return value;
        };
        for (const [out, err, lines] of looks) {
          grow("stdout", out);
          grow("stderr", err);
          await look(lines);
        }
        grow("stdout", 1e9);
        grow("stderr", 1e9);
        spool.commit({ jobId, attempt: 1 }, { attempt: { state: "failed" } });
        for (let calls = 0; (await look(5)).lines.length > 0; calls += 1)
          expect(calls).toBeLessThan(400);

        for (const name of ["stdout", "stderr"] as const) {
          const lines = got.filter(({ stream }) => stream === name);
          const { frames } = framesOf(sources[name]);
          expect(lines.reduce((sum, { repeat }) => sum + repeat, 0)).toBe(frames.length);
          // Each line shows the last of the frames that it stands for.
          let at = 0;
          for (const { text, repeat } of lines) expect(text).toBe(frames[(at += repeat) - 1]);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("a cursor of the end gives what follows, also of a bar that was half drawn", async () => {
  const { files, read } = setUp();
  writeFileSync(files.stdout, "one\ntwo\n");
  writeFileSync(files.stderr, `${frame(1)}${frame(2).slice(0, 20)}`);
  const first = await read({ lines: 1 });
  appendFileSync(files.stderr, `${frame(2).slice(20)}${frame(3)}`);
  appendFileSync(files.stdout, "three\nfo");
  const second = await read({ since: first.cursor ?? "" });
  appendFileSync(files.stdout, "ur\n");
  const third = await read({ since: second.cursor ?? "" });

  expect(texts(second)).toEqual(["three", frame(2).slice(1)]);
  expect(second.lines.map(({ n }) => n)).toEqual([3, 1]);
  expect(texts(third)).toEqual(["four"]);
  expect(texts(await read({ since: third.cursor ?? "" }))).toEqual([]);
});

test.each([
  ["truncated", (path: string) => truncateSync(path, 0)],
  [
    "replaced",
    (path: string) => {
      renameSync(path, `${path}.1`);
      writeFileSync(path, "");
    },
  ],
])(
  "a file that was %s is read from its beginning, and the answer says so",
  async (_how, rotate) => {
    const { files, read } = setUp();
    writeFileSync(files.stdout, "old one\nold two\n");
    const { cursor } = await read();
    rotate(files.stdout);
    appendFileSync(files.stdout, "new one\nnew two\nnew three\n");
    const value = await read({ since: cursor ?? "" });

    expect([texts(value), value.reset]).toEqual([["new one", "new two", "new three"], true]);
  },
);

test("who follows goes on with the next attempt once this one is over and read", async () => {
  const { files, read, addAttempt, spool, jobId } = setUp();
  writeFileSync(files.stdout, "first\n");
  const { cursor } = await read();
  appendFileSync(files.stdout, "last words");
  spool.commit({ jobId, attempt: 1 }, { attempt: { state: "failed" } });
  writeFileSync(addAttempt(2).stdout, "again\n");
  const rest = await read({ since: cursor ?? "" });
  const next = await read({ since: rest.cursor ?? "" });

  expect([rest.attempt, texts(rest)]).toEqual([1, ["last words"]]);
  expect([next.attempt, texts(next)]).toEqual([2, ["again"]]);
  expect(texts(await read({ since: next.cursor ?? "" }))).toEqual([]);
});

test("grep sees every redraw, gives the newest matches with their surroundings, or walks from the oldest", async () => {
  const { files, read } = setUp();
  writeFileSync(files.stdout, Array.from({ length: 30 }, (_, n) => `line ${n}\n`).join(""));
  writeFileSync(files.stderr, [1, 2, 3, 4].map((n) => frame(n)).join("") + "\n");

  expect(texts(await read({ grep: "LINE 2\\d$", lines: 2 }))).toEqual(["line 28", "line 29"]);
  expect(texts(await read({ grep: "line 7|line 20", context: 1 }))).toEqual([
    "line 6",
    "line 7",
    "line 8",
    "line 19",
    "line 20",
    "line 21",
  ]);
  expect((await read({ grep: "| 3/500" })).lines).toMatchObject([
    { text: frame(3).slice(1), repeat: 1, match: true, n: 1 },
  ]);
  const first = await read({ grep: "line 1", since: "start", lines: 2, stream: "stdout" });
  const second = await read({
    grep: "line 1",
    since: first.cursor ?? "",
    lines: 2,
    stream: "stdout",
  });
  expect([...texts(first), ...texts(second)]).toEqual(["line 1", "line 10", "line 11", "line 12"]);
  await expect(read({ grep: "(?=x)" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("around finds a step on the job's bar, a line of the file, or a text", async () => {
  const { files, read } = setUp();
  writeFileSync(files.stdout, Array.from({ length: 30 }, (_, n) => `line ${n}\n`).join(""));
  writeFileSync(
    files.stderr,
    `${frame(120, "Caching latents", 200)}\nstart\n${[119, 120, 121, 122].map((n) => frame(n)).join("")}\nend\n`,
  );
  const step = await read({ around: "120", lines: 3 });

  expect(texts(step)).toEqual([frame(119), frame(120), frame(122)].map((text) => text.slice(1)));
  expect(step.lines.map(({ match }) => match)).toEqual([undefined, true, undefined]);
  expect(texts(await read({ around: "line 8", context: 1, stream: "stdout" }))).toEqual([
    "line 6",
    "line 7",
    "line 8",
  ]);
  expect(texts(await read({ around: "line 2[56]$", context: 0 }))).toEqual(["line 25"]);
  // Who reads on wants what followed.
  const behind = await read({
    since: (await read({ around: "LINE 27$", context: 0 })).cursor ?? "",
  });
  expect(texts(behind)).toEqual(["line 28", "line 29"]);
  expect(await read({ around: "nowhere" })).toMatchObject({ lines: [], truncated: false });
});

test("since a time is answered where the file tells its lines' times, and said where it does not", async () => {
  const { files, read } = setUp();
  const at = (seconds: number) => new Date(Date.UTC(2026, 0, 31, 12, 0, seconds));
  writeFileSync(files.stdout, "2026-01-31T12:00:01Z a\nb\n2026-01-31T12:00:09Z c\nd\n");
  writeFileSync(files.stderr, [10, 20, 30, 40].map((n) => frame(n)).join(""));
  utimesSync(files.stdout, at(30), at(30));
  utimesSync(files.stderr, at(40), at(40));

  // The newest redraw shows 40 s and is of 12:00:40.
  const some = await read({ since: at(5).toISOString() });
  expect(texts(some)).toEqual(["2026-01-31T12:00:09Z c", "d", frame(30).slice(1)]);
  expect(texts(await read({ since: at(25).toISOString(), stream: "stderr" }))).toEqual([
    frame(30).slice(1),
  ]);
  expect(texts(await read({ since: at(50).toISOString() }))).toEqual([]);
  expect(texts(await read({ since: "1970-01-01" }))).toHaveLength(5);
  writeFileSync(files.stdout, "no\ntimes\n");
  utimesSync(files.stdout, at(30), at(30));
  expect(await read({ since: at(5).toISOString(), stream: "stdout" })).toMatchObject({
    undated: ["stdout"],
    lines: [{ text: "no" }, { text: "times" }],
  });
});

test("an answer stays within the link's bound, and the walk goes on", async () => {
  const { files, read } = setUp();
  writeFileSync(
    files.stdout,
    Array.from({ length: 3_000 }, (_, n) => `${n} ${'"'.repeat(1_000)}\n`).join(""),
  );
  const numbers: number[] = [];
  let since = "start";
  for (let more = true; more;) {
    const value = await read({ since, lines: limits.logLinesMax });
    expect(Buffer.byteLength(JSON.stringify(value))).toBeLessThan(limits.callResultBytes);
    numbers.push(...texts(value).map((text) => Number.parseInt(text, 10)));
    since = value.cursor ?? "";
    more = value.lines.length > 0;
  }
  expect(numbers).toEqual(Array.from({ length: 3_000 }, (_, n) => n));
});

test("a file of 200 MB costs bounded time and memory, with and without lines", async () => {
  const { files, read } = setUp();
  const line = "2026-01-31 12:00:00 INFO a line of the log\n";
  const block = Buffer.from(line.repeat(Math.floor((1 << 20) / line.length)));
  const file = openSync(files.stdout, "w");
  for (let n = 0; n < 120; n += 1) writeSync(file, block);
  ftruncateSync(file, 200_000_000);
  closeSync(file);
  truncateSync(writeEmpty(files.stderr), 200_000_000);
  appendFileSync(files.stderr, "\nthe end\n");
  const before = process.memoryUsage().rss;
  const end = await read();
  const found = await read({ grep: "the end" });
  let since = "start";
  let lines = 0;
  let calls = 0;
  for (let more = true; more; calls += 1) {
    const value = await read({ since, lines: limits.logLinesMax });
    expect(value.readBytes).toBeLessThanOrEqual(2 * limits.logScanBytes);
    lines += value.lines.reduce((sum, { repeat }) => sum + repeat, 0);
    since = value.cursor ?? "";
    more = value.truncated;
  }

  expect(texts(end)).toEqual(["the end"]);
  expect(end.truncated).toBe(true);
  expect(texts(found)).toEqual(["the end"]);
  expect(lines).toBe(120 * (block.byteLength / line.length) + 1);
  expect(calls).toBeLessThanOrEqual(9);
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
}, 60_000);

test("an unknown job or attempt is one, and a log that is not there yet is empty", async () => {
  const { read, addAttempt } = setUp();

  await expect(read({ jobId: newJobId() })).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  await expect(read({ attempt: 7 })).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: "This job has no attempt 7.",
    hint: expect.stringContaining("It has attempt 1 only"),
  });
  addAttempt(2);
  await expect(read({ attempt: 7 })).rejects.toMatchObject({
    hint: expect.stringContaining("It has the attempts 1 to 2"),
  });
  expect(await read()).toMatchObject({ lines: [], totalLines: 0, truncated: false });
});

function writeEmpty(path: string): string {
  writeFileSync(path, "");
  return path;
}
