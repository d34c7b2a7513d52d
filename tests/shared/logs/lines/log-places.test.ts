import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { firstError } from "../../../../shared/logs/lines/first-error.ts";
import { aroundMatches, parseLogAround } from "../../../../shared/logs/lines/log-around.ts";
import {
  bytesPrint,
  readLogCursor,
  writeLogCursor,
} from "../../../../shared/logs/lines/log-cursor.ts";
import { parseLogSince, readLineTime } from "../../../../shared/logs/lines/log-since.ts";

describe("a log's cursor", () => {
  it("comes back as it was written, and is short", () => {
    const place = fc.option(
      fc.record({
        offset: fc.nat(2 ** 31 - 1).map((n) => n * 1_000),
        row: fc.option(fc.nat()),
        inside: fc.boolean(),
        print: fc.uint8Array().map(bytesPrint),
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), place, place, (attempt, stdout, stderr) => {
        const text = writeLogCursor({ attempt, stdout, stderr });
        expect(text.length).toBeLessThanOrEqual(80);
        expect(readLogCursor(text)).toEqual({ attempt, stdout, stderr });
      }),
    );
  });

  it("is nothing else", () => {
    fc.assert(fc.property(fc.string(), (text) => readLogCursor(text) === null));
    expect(readLogCursor("log1.1.-.1_2_3_x")).toBeNull();
  });
});

describe("parseLogSince", () => {
  it.each([
    ["start", { kind: "start" }],
    ["0", { kind: "start" }],
    ["10m", { kind: "ago", ms: 600_000 }],
    ["1h30m", { kind: "ago", ms: 5_400_000 }],
    ["2d", { kind: "ago", ms: 172_800_000 }],
    ["2026-01-31T12:00:00Z", { kind: "time", atMs: Date.UTC(2026, 0, 31, 12) }],
    ["2026-01-31 12:00+02:00", { kind: "time", atMs: Date.UTC(2026, 0, 31, 10) }],
    ["2026-01-31", { kind: "time", atMs: Date.UTC(2026, 0, 31) }],
    ["log1.1.-.-", { kind: "cursor", cursor: { attempt: 1, stdout: null, stderr: null } }],
  ])("%s", (text, expected) => {
    expect(parseLogSince(text)).toEqual(expected);
  });

  it.each(["", "38", "yesterday", "m", "2026-13-01", "log1.x", "10 m"])("refuses %j", (text) => {
    expect(() => parseLogSince(text)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });
});

describe("readLineTime", () => {
  const local = (parts: readonly number[]) =>
    Date.UTC(parts[0] ?? 0, (parts[1] ?? 1) - 1, parts[2], parts[3], parts[4], parts[5]) + 1;

  it.each([
    ["2026-01-31 12:00:05,123 INFO x", Date.UTC(2026, 0, 31, 12, 0, 5) + 1],
    ["[2026-01-31T12:00:05Z] x", Date.UTC(2026, 0, 31, 12, 0, 5)],
    ["2026/01/31 12:00:05+01:00 x", Date.UTC(2026, 0, 31, 11, 0, 5)],
    ["saved at 2026-01-31 12:00:05", null],
    ["step 12:00:05", null],
  ])("%s", (text, expected) => {
    expect(readLineTime(text, local)).toBe(expected);
  });
});

describe("a look around", () => {
  it.each([
    ["120", { kind: "step", step: 120 }],
    ["Step 120", { kind: "step", step: 120 }],
    ["line 7", { kind: "line", line: 7 }],
    ["error 7", { kind: "text", text: "error 7" }],
  ])("%s", (text, expected) => {
    expect(parseLogAround(text)).toEqual(expected);
  });

  const bar = (name: string, count: number, total = 500) =>
    `${name}:  10%|#  | ${count}/${total} [00:10<01:00,  1.00it/s, loss: 1.0e-01]`;
  const hits = (step: number, lines: readonly string[]) =>
    aroundMatches({ kind: "step", step }, { name: "cats", totalSteps: 500 }).map((test) => {
      const matches = test();
      return lines.flatMap((line, at) => (matches(line, null) ? [at] : []));
    });

  it("finds a step on the job's own bar, at its first redraw or the one behind a gap", () => {
    const lines = [
      bar("Caching latents", 120, 200),
      bar("cats", 119),
      bar("cats", 120),
      bar("cats", 120),
      bar("cats", 125),
    ];

    expect(hits(120, lines)[0]).toEqual([2]);
    expect(hits(123, lines)[0]).toEqual([4]);
    expect(hits(100, lines)[0]).toEqual([]);
    expect(hits(120, [bar("steps", 120)])[0]).toEqual([0]);
  });

  it("else where a line names it", () => {
    const lines = ["Iter 120: Train loss 2.1", "Saving at step 1200", "global_step=120,", "120"];

    expect(hits(120, lines)[1]).toEqual([0, 2]);
  });
});

describe("firstError", () => {
  it.each([
    "RuntimeError: CUDA error",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate",
    "AssertionError",
    "[rank0]: ValueError: x",
    "huggingface_hub.errors.GatedRepoError: 403",
    "KeyboardInterrupt",
    "Error running job: x",
    "2026-01-31 12:00:05,123 ERROR worker died",
    "ERROR: x",
    "main.py: error: unrecognized arguments",
    "OSError: [Errno 28] No space left on device",
    "Killed",
    "bash: line 1:  2984 Killed                  python run.py",
    "Fatal Python error: Segmentation fault",
  ])("%s", (text) => {
    expect(firstError([{ text: "fine" }, { text }, { text: "KeyError: later" }])).toBe(1);
  });

  it.each([
    "Running inference on banana",
    "UserWarning: the error rate",
    '    raise ValueError("x")',
    "error_rate: 0.1, errors: 0",
    "CUDA out of memory in this batch, skipping",
    "ImportError: xformers is optional, ignored",
    "Traceback (most recent call last):",
    "ErrorHandler installed",
  ])("not %s", (text) => {
    expect(firstError([{ text }])).toBeNull();
  });
});
