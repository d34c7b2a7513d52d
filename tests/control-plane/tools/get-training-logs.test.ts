import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { lineCost } from "@trainyard/shared/logs/lines/shown-line.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { describe, expect, it } from "vitest";
import { connectAgent } from "../support/scripted-agent.ts";
import type { Script } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";

type Args = OperationArgs<"read-log">;
type Value = OperationValue<"read-log">;

const tail = [
  "loading",
  "again ×312",
  "stderr: ValueError: no",
  "stderr: cats:  10%|#  | 120/500 [00:10<01:00,  1.00it/s]",
];

async function running(readLog?: (args: Args) => Value) {
  const script: Script = readLog === undefined ? {} : { "read-log": readLog };
  const yard = await createYard();
  const agent = await connectAgent(yard, script);
  await yard.call("create-training-config", {
    name: "cats",
    model_name: "tiny",
    dataset_path: "cats",
    steps: 500,
  });
  const jobId = String((await yard.call("start-training", { config_name: "cats" })).data["job_id"]);
  const state = { kind: "state" as const, atMs: 1_000, state: "running" as const };
  const process = { pid: 7, startTicks: "1", bootId: "b" };
  await agent.events(jobId, [{ ...state, process, startStep: 0 }], { logTail: tail });
  const logs = (args: Record<string, unknown> = {}) =>
    yard.call("get-training-logs", { job_id: jobId, ...args });
  return { yard, agent, jobId, logs };
}

const line = (n: number, text: string, change: Partial<Value["lines"][number]> = {}) => ({
  n,
  stream: "stdout" as const,
  text,
  repeat: 1,
  ...change,
});
const nothing: Value = {
  lines: [],
  totalLines: 0,
  truncated: false,
  readBytes: 0,
  firstError: null,
  attempt: 1,
  cursor: "log1.1.-.-",
};

describe("get-training-logs", () => {
  it("asks the box for what was wanted, and shows what it says", async () => {
    const { agent, jobId, logs } = await running(() => ({
      ...nothing,
      lines: [
        line(1, "loading"),
        line(2, "x", { repeat: 312, match: true }),
        line(9, "bad", { stream: "stderr" }),
      ],
      totalLines: 40,
      truncated: true,
      readBytes: 4_096,
      firstError: "bad",
      errorContext: [line(9, "bad", { stream: "stderr", match: true })],
      unfinished: [{ stream: "stderr", text: "cats: 1%" }],
    }));
    const { data, text } = await logs({
      lines: 3,
      grep: "x",
      context: 2,
      since: "10m",
      around: 120,
    });

    expect(data).toMatchObject({
      attempt: 1,
      source: "agent",
      logs: ["loading", "x ×312", "stderr: bad"],
      lines: [{ n: 1 }, { n: 2, match: true }, { n: 9, stream: "stderr" }],
      total_lines: 40,
      analyzed_bytes: 4_096,
      truncated: true,
      cursor: "log1.1.-.-",
      unfinished: ["stderr: cats: 1%"],
      first_error: "bad",
      error_context: [{ n: 9, text: "bad", match: true }],
      connectivity: "live",
    });
    expect(text).toContain("since with cursor goes on");
    expect(agent.argsOf("read-log")).toEqual([
      {
        jobId,
        attempt: null,
        stream: "both",
        lines: 3,
        grep: "x",
        around: "120",
        since: "10m",
        context: 2,
        room: null,
      },
    ]);
  });

  it("says that a file was replaced, and which stream has no times", async () => {
    const { logs } = await running(() => ({ ...nothing, reset: true, undated: ["stdout"] }));
    const { text } = await logs({ since: "10m" });

    expect(text).toContain("A file was replaced since: read from its beginning.");
    expect(text).toContain("stdout has no times: its newest lines.");
  });

  it.each([
    [{ since: "yesterday" }, "since"],
    [{ since: "38" }, "since"],
    [{ grep: "(?=x)" }, "grep"],
  ])("refuses %j before it asks anybody", async (args, field) => {
    const { agent, logs } = await running();

    expect((await logs(args)).error).toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { field },
    });
    expect(agent.argsOf("read-log")).toEqual([]);
  });

  it("at MCP tells the box how much fits, and shows all that it gives", async () => {
    const text = '"quoted" \\ '.repeat(40);
    const given: number[] = [];
    const { yard, agent, jobId } = await running((args) => {
      const lines: Value["lines"] = [];
      let room = (args.room?.characters ?? 0) - 600;
      for (let n = 1; room > 0; n += 1) {
        const next = line(n, text, { stream: "stderr" });
        room -= args.room == null ? 1e9 : lineCost(next, args.room);
        if (room > 0) lines.push(next);
      }
      given.push(lines.length);
      return {
        ...nothing,
        lines,
        cursor: `log1.1.-.${"z".repeat(10)}_${"z".repeat(10)}_${"z".repeat(7)}`,
        truncated: true,
        firstError: text,
        unfinished: [],
      };
    });
    const short = await yard.mcp("get-training-logs", { job_id: jobId, since: "start" });
    const long = await yard.mcp("get-training-logs", {
      job_id: jobId,
      since: "start",
      detail: "full",
    });
    const size = ({ data, text }: typeof short) => JSON.stringify(data).length + text.length;

    expect([size(short) <= limits.conciseCharacters, size(long) <= limits.fullCharacters]).toEqual([
      true,
      true,
    ]);
    expect(
      [short.data["logs"], long.data["logs"]].map((logs) => (logs as string[]).length),
    ).toEqual(given);
    expect(agent.argsOf("read-log").map(({ room }) => room)).toEqual([
      { characters: 840, lineCharacters: 240, withObjects: false },
      { characters: 22_700, lineCharacters: null, withObjects: true },
    ]);
  });

  it("with the box off gives the kept tail, asked in the same words", async () => {
    const { agent, logs } = await running();
    await agent.close();
    const all = await logs();
    const walked = await logs({ since: "log1.1.-.-" });

    expect(all.data).toMatchObject({
      source: "tail",
      logs: tail,
      lines: [
        { stream: "stdout", text: "loading", repeat: 1 },
        { stream: "stdout", text: "again", repeat: 312 },
        { stream: "stderr", text: "ValueError: no" },
        { stream: "stderr" },
      ],
      total_lines: null,
      cursor: null,
      first_error: "ValueError: no",
      connectivity: "stale",
    });
    expect(typeof all.data["observed_at"]).toBe("string");
    expect(all.text).toContain("the tail kept here, the box was not asked");
    expect((await logs({ grep: "^AGAIN$|value" })).data["logs"]).toEqual([tail[1], tail[2]]);
    expect((await logs({ grep: "value", context: 1 })).data["logs"]).toEqual(tail.slice(1));
    expect((await logs({ around: 120, context: 1 })).data["logs"]).toEqual(tail.slice(2));
    expect((await logs({ around: "line 7" })).data["logs"]).toEqual([]);
    expect((await logs({ stream: "stdout", lines: 1 })).data["logs"]).toEqual([tail[1]]);
    expect(walked.data["cursor"]).toBe("log1.1.-.-");
    expect(walked.text).toContain("cursor is unchanged");
  });

  it("of a job that never ran is empty, not an error", async () => {
    const { yard } = await running();
    const queued = await yard.call("start-training", { config_name: "cats", force_new: true });
    const { data, text } = await yard.call("get-training-logs", { job_id: queued.data["job_id"] });

    expect(data).toMatchObject({ logs: [], attempt: null });
    expect(text).toContain("has not run yet");
  });

  it("understands an agent of the release before, which knows neither since nor cursor", async () => {
    const { logs } = await running(() => ({
      lines: [line(1, "a")],
      totalLines: 1,
      truncated: false,
      readBytes: 2,
      firstError: null,
    }));

    expect((await logs()).data).toMatchObject({ logs: ["a"], cursor: null, attempt: 1 });
  });

  it("passes the box's own refusal on", async () => {
    const { logs } = await running(() => {
      throw new AppError("NOT_FOUND", "The log is gone.");
    });

    expect((await logs()).error?.code).toBe("NOT_FOUND");
  });
});
