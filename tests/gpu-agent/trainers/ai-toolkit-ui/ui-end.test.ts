import { describe, expect, it } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import { judgeUi, writtenEnd } from "../../../../gpu-agent/trainers/ai-toolkit-ui/ui-end.ts";
import type { UiFacts } from "../../../../gpu-agent/trainers/ai-toolkit-ui/ui-end.ts";

const row = (status: string, change: { stop?: boolean; pid?: number | null } = {}) => ({
  status,
  stop: false,
  pid: 7 as number | null,
  ...change,
});
const base: UiFacts = {
  row: row("running"),
  statusMs: 0,
  process: "alive",
  goneMs: 0,
  began: true,
  quietMs: 0,
  written: null,
  stopMarker: false,
  rebooted: false,
};
const exited = { kind: "exited", code: 1 } as const;

const cases: readonly [string, Partial<UiFacts>, string][] = [
  ["it waits in the queue", { row: row("queued"), began: false, process: "unseen" }, "waiting"],
  ["it runs", {}, "running"],
  ["a status that no source writes is one of a running job", { row: row("stopping") }, "running"],
  ["its process is gone, and the row may follow in a moment", { process: "gone" }, "running"],
  [
    "a zombie: the process is gone and the row stays",
    { process: "gone", goneMs: limits.uiSettleMs },
    "vanished",
  ],
  [
    "a zombie whose log says how it ended",
    { process: "gone", goneMs: limits.uiSettleMs, written: exited },
    "exited",
  ],
  [
    "a zombie of the boot before",
    { process: "gone", goneMs: limits.uiSettleMs, rebooted: true },
    "rebooted",
  ],
  ["a process that was never seen is not missed at once", { process: "unseen" }, "running"],
  [
    "it is, when nothing moves for long",
    { process: "unseen", quietMs: limits.uiQuietMs },
    "vanished",
  ],
  [
    "on another machine a quiet one may still run",
    { process: "elsewhere", quietMs: limits.uiQuietMs * 10 },
    "running",
  ],
  [
    "stopped is written before the process has gone",
    { row: row("stopped", { stop: true }), statusMs: 60_000 },
    "stopping",
  ],
  [
    "stopped, and the process is gone",
    { row: row("stopped", { stop: true }), process: "gone", goneMs: limits.uiExitLineMs },
    "reported stopped",
  ],
  [
    "stopped on another machine is not believed",
    { row: row("stopped", { stop: true }), process: "elsewhere", statusMs: limits.uiQuietMs },
    "stopping",
  ],
  [
    "until the log shows it",
    { row: row("stopped", { stop: true }), process: "elsewhere", stopMarker: true },
    "reported stopped",
  ],
  [
    "or a person marked it",
    { row: row("stopped", { stop: true, pid: null }), process: "elsewhere" },
    "reported stopped",
  ],
  [
    "marked by a person while its process is seen",
    { row: row("stopped", { stop: true, pid: null }) },
    "stopping",
  ],
  ["taken out of the queue", { row: row("stopped"), began: false }, "not-started"],
  [
    "completed, and the process still clears up",
    { row: row("completed"), statusMs: 20_000 },
    "running",
  ],
  [
    "completed",
    { row: row("completed"), process: "gone", goneMs: limits.uiExitLineMs },
    "reported completed",
  ],
  [
    "completed on another machine",
    { row: row("completed"), process: "elsewhere", statusMs: limits.uiSettleMs },
    "reported completed",
  ],
  ["an error, by its exit code", { row: row("error"), process: "gone", written: exited }, "exited"],
  [
    "an error before there was a process",
    { row: row("error", { pid: null }), began: false, process: "unseen" },
    "reported error",
  ],
  [
    "it went back into the queue",
    { row: row("queued"), process: "gone", goneMs: limits.uiExitLineMs },
    "reported queued",
  ],
  [
    "it went back, though its exit was a 1 as of an error",
    { row: row("queued"), process: "gone", written: exited, stopMarker: true },
    "reported queued",
  ],
  [
    "what the log says before its exit may not have been read yet",
    { row: row("queued"), process: "gone", written: exited },
    "running",
  ],
  [
    "it failed, and was queued again at once",
    { row: row("queued"), process: "gone", written: exited, statusMs: limits.uiExitLineMs },
    "exited",
  ],
  ["deleted while its process runs", { row: null }, "running"],
  ["deleted", { row: null, process: "gone" }, "deleted"],
  ["deleted on another machine", { row: null, process: "elsewhere" }, "deleted"],
];

describe("the end of a UI job", () => {
  it.each(cases)("%s", (_name, change, expected) => {
    const verdict = judgeUi({ ...base, ...change });
    const end = verdict.kind === "ended" ? verdict.end : null;
    const shown =
      end === null ? verdict.kind : end.kind === "reported" ? `reported ${end.status}` : end.kind;
    expect(shown).toBe(expected);
  });

  it("reads how the process ended where the server wrote it, at the log's very end", () => {
    expect(writtenEnd("bar\n\nJob process terminated with exit code 1.\n")).toEqual(exited);
    expect(writtenEnd("x\r\nJob process terminated with signal SIGKILL.\n")).toEqual({
      kind: "signaled",
      signal: "SIGKILL",
    });
    expect(writtenEnd("Job process exited unexpectedly. Last log line: x\n")).toEqual({
      kind: "vanished",
    });
    expect(writtenEnd("Job process terminated with exit code 1.\nand then more\n")).toBeNull();
    expect(writtenEnd("")).toBeNull();
  });
});
