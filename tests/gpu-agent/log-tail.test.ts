import { appendFileSync, copyFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createAiToolkitReader } from "@trainyard/shared/logs/ai-toolkit/ai-toolkit-reader.ts";
import { openLogTail, tailStart } from "../../gpu-agent/jobs/log-tail.ts";
import type { LogTail } from "../../gpu-agent/jobs/log-tail.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

function drain(tail: LogTail): { text: string; truncated: boolean } {
  let text = "";
  let truncated = false;
  for (;;) {
    const read = tail.read();
    text += Buffer.from(read.bytes).toString("latin1");
    truncated ||= read.truncated;
    if (read.atEnd) return { text, truncated };
  }
}

function setUp() {
  const folder = temporaryFolder();
  const path = join(folder, "out.log");
  return { folder, path, tail: openLogTail(path, tailStart) };
}

test("a file that is not there yet is empty, and read once it is", () => {
  const { path, tail } = setUp();
  expect(drain(tail)).toEqual({ text: "", truncated: false });
  writeFileSync(path, "one\n");
  expect(drain(tail).text).toBe("one\n");
  appendFileSync(path, "two\n");
  expect(drain(tail).text).toBe("two\n");
  expect(drain(tail).text).toBe("");
});

test("reads are bounded, and nothing is lost over the bound", () => {
  const { path, tail } = setUp();
  const text = "x".repeat(200_000);
  writeFileSync(path, text);
  expect(tail.read().bytes.byteLength).toBe(64 * 1024);
  expect(drain(tail).text.length).toBe(200_000 - 64 * 1024);
});

test("a renamed file is read to its end before the new one", () => {
  const { path, tail } = setUp();
  writeFileSync(path, "old 1\n");
  drain(tail);
  appendFileSync(path, "old 2\n");
  renameSync(path, `${path}.1`);
  writeFileSync(path, "new 1\n");
  expect(drain(tail).text).toBe("old 2\nnew 1\n");
  expect(tail.position().generation).toBe(1);
});

test("copytruncate begins a new generation and says that bytes may be lost", () => {
  const { path, tail } = setUp();
  writeFileSync(path, "a long first line\n");
  drain(tail);
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
  appendFileSync(path, "b\n");
  expect(drain(tail)).toEqual({ text: "b\n", truncated: true });
});

test("truncated and grown beyond the old end: told by its first bytes", () => {
  const { path, tail } = setUp();
  writeFileSync(path, "short\n");
  drain(tail);
  truncateSync(path, 0);
  appendFileSync(path, "something else that is longer\n");
  expect(drain(tail)).toEqual({ text: "something else that is longer\n", truncated: true });
});

test("another process goes on at the committed offset, also inside a character", () => {
  const { path, tail } = setUp();
  const bytes = Buffer.from("Error running job: 损失 failed\n");
  writeFileSync(path, bytes.subarray(0, 21));
  const first = createAiToolkitReader({ jobName: "j" });
  first.push("stdout", tail.read().bytes);
  const stored = JSON.parse(
    JSON.stringify({ position: tail.position(), reader: first.state() }),
  ) as {
    position: ReturnType<LogTail["position"]>;
    reader: ReturnType<typeof first.state>;
  };
  appendFileSync(path, bytes.subarray(21));
  const second = openLogTail(path, stored.position);
  const reader = createAiToolkitReader({ jobName: "j", state: stored.reader });
  expect(reader.push("stdout", second.read().bytes)).toEqual([
    { kind: "errorLine", text: "损失 failed" },
  ]);
});

test("a file replaced while nobody looked is read from its beginning", () => {
  const { folder, path, tail } = setUp();
  writeFileSync(path, "first\n");
  drain(tail);
  tail.close();
  writeFileSync(join(folder, "other"), "other\n");
  renameSync(join(folder, "other"), path);
  expect(drain(openLogTail(path, tail.position()))).toEqual({ text: "other\n", truncated: true });
});
