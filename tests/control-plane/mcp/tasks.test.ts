import { describe, expect, it } from "vitest";
import { modernRpc } from "../support/mcp-client.ts";
import { connectAgent } from "../support/scripted-agent.ts";
import type { ScriptedAgent } from "../support/scripted-agent.ts";
import { createYard, rpc } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const extension = "io.modelcontextprotocol/tasks";
const follows = { capabilities: { extensions: { [extension]: {} } } };
const run = { name: "run-training-with-guardrails", arguments: { config_name: "cats" } };

async function withConfig() {
  const yard = await createYard();
  const agent = await connectAgent(yard);
  await yard.call("create-training-config", {
    name: "cats",
    model_name: "tiny",
    dataset_path: "cats",
    steps: 100,
  });
  return { yard, agent };
}

async function handed(yard: Yard, params: object = run): Promise<Record<string, any>> {
  return (await modernRpc(yard, "tools/call", { ...params }, follows))["result"];
}

const get = (yard: Yard, taskId: string, options: object = follows) =>
  modernRpc(yard, "tasks/get", { taskId }, options);

async function ends(
  agent: ScriptedAgent,
  jobId: string,
  state: "completed" | "failed" | "stopped",
) {
  await agent.events(
    jobId,
    [
      { kind: "state", atMs: 1, state: "running" },
      {
        kind: "state",
        atMs: 2,
        state,
        ...(state === "failed"
          ? { failure: { code: "KILLED", message: "It was killed.", fix: "Start it again." } }
          : {}),
      },
    ],
    { state, currentStep: 100 },
  );
}

describe("a client that declared the tasks extension", () => {
  it("is told of it by server/discover, in this era alone", async () => {
    const { yard } = await withConfig();
    const modern = await modernRpc(yard, "server/discover", {});
    const old = await rpc(yard, "/mcp", "initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "old", version: "1" },
    });

    expect(modern["result"].capabilities.extensions).toEqual({ [extension]: {} });
    expect(old["result"].capabilities).not.toHaveProperty("extensions");
  });

  it("is handed the job instead of waiting, and gets the call's answer when the job has ended", async () => {
    const { yard, agent } = await withConfig();
    const task = await handed(yard);
    const jobId = String(task["taskId"]);

    expect(task).toEqual({
      resultType: "task",
      taskId: expect.stringMatching(/^job_/),
      status: "working",
      statusMessage: expect.any(String),
      createdAt: expect.stringMatching(/^2/),
      lastUpdatedAt: expect.stringMatching(/^2/),
      ttlMs: null,
      pollIntervalMs: 15_000,
      // The SDK's doing: the answer to a call has content for it.
      content: [],
      _meta: expect.anything(),
    });
    await agent.events(jobId, [{ kind: "state", atMs: 1, state: "running" }], { currentStep: 7 });
    const working = (await get(yard, jobId))["result"];
    expect(working).toMatchObject({ resultType: "complete", status: "working" });
    expect(working["statusMessage"]).toContain("7");
    expect(working).not.toHaveProperty("result");
    expect(agent.watched).toEqual([]);

    await ends(agent, jobId, "completed");
    const done = (await get(yard, jobId))["result"];
    expect(done).toMatchObject({
      status: "completed",
      result: {
        content: [{ type: "text", text: expect.stringContaining(jobId) }],
        structuredContent: {
          started: true,
          status: "job_completed",
          config_name: "cats",
          job_id: jobId,
          job: { status: "completed" },
        },
      },
    });
  });

  it("learns of a failed job by a result: failed is for the protocol's own errors", async () => {
    const { yard, agent } = await withConfig();
    const jobId = String((await handed(yard))["taskId"]);
    await ends(agent, jobId, "failed");

    expect((await get(yard, jobId))["result"]).toMatchObject({
      status: "completed",
      result: { structuredContent: { status: "job_failed" } },
    });
  });

  it("cancels by a stop with a checkpoint, as often as it likes", async () => {
    const { yard, agent } = await withConfig();
    const jobId = String((await handed(yard))["taskId"]);
    await agent.events(jobId, [{ kind: "state", atMs: 1, state: "running" }], {});
    for (let i = 0; i < 2; i += 1) {
      const ack = (await modernRpc(yard, "tasks/cancel", { taskId: jobId }, follows))["result"];
      expect(ack).toMatchObject({ resultType: "complete" });
      expect(ack).not.toHaveProperty("taskId");
    }
    expect(agent.argsOf("stop-attempt")[0]).toMatchObject({ jobId, mode: "checkpoint" });
    await agent.events(jobId, [{ kind: "state", atMs: 2, state: "stopped" }], { state: "stopped" });

    const after = (await get(yard, jobId))["result"];
    expect(after["status"]).toBe("cancelled");
    expect(after).not.toHaveProperty("result");
    const late = await modernRpc(yard, "tasks/cancel", { taskId: jobId }, follows);
    expect(late["result"]).toMatchObject({ resultType: "complete" });
  });

  it("gets the plain answer where there is no job, nothing to wait for, or another tool", async () => {
    const { yard } = await withConfig();
    const bad = await handed(yard, { ...run, arguments: { config_name: "dogs" } });
    const now = await handed(yard, {
      ...run,
      arguments: { config_name: "cats", monitor_seconds: 0 },
    });
    const start = await handed(yard, {
      name: "start_training",
      arguments: { config_name: "cats", force_new: true },
    });

    expect(bad).toMatchObject({ resultType: "complete", isError: true });
    expect(now).toMatchObject({ resultType: "complete", structuredContent: { started: true } });
    expect(start).toMatchObject({ resultType: "complete", structuredContent: { success: true } });
  });

  it.each(["tasks/get", "tasks/update", "tasks/cancel"])(
    "is told by %s that an id is nobody's, also when it is another owner's",
    async (method) => {
      const { yard } = await withConfig();
      const other = await withConfig();
      const jobId = String((await handed(other.yard))["taskId"]);
      for (const taskId of ["job_nothing", jobId]) {
        const params = { taskId, ...(method === "tasks/update" ? { inputResponses: {} } : {}) };
        const { error } = await modernRpc(yard, method, params, follows);
        expect(error).toMatchObject({ code: -32_602, data: { code: "JOB_NOT_FOUND" } });
      }
    },
  );

  it("may send answers that nobody asked for", async () => {
    const { yard } = await withConfig();
    const taskId = String((await handed(yard))["taskId"]);
    const ack = await modernRpc(
      yard,
      "tasks/update",
      { taskId, inputResponses: { x: {} } },
      follows,
    );

    expect(ack["result"]).toMatchObject({ resultType: "complete" });
  });

  it("cannot stop a job where it may only read", async () => {
    const { yard } = await withConfig();
    const taskId = String((await handed(yard))["taskId"]);
    const options = { ...follows, path: "/mcp/readonly" };

    expect((await get(yard, taskId, options))["result"]).toMatchObject({ status: "working" });
    const refused = await modernRpc(yard, "tasks/cancel", { taskId }, options);
    expect(refused["error"]).toMatchObject({ code: -32_602, data: { code: "TOOL_NOT_FOUND" } });
    const scoped = await modernRpc(yard, "tasks/cancel", { taskId }, { ...follows, scope: "read" });
    expect(scoped["error"]).toMatchObject({ code: -32_602, data: { code: "INSUFFICIENT_SCOPE" } });
  });
});

describe("a client that did not declare it", () => {
  it("waits as ever, and has no task methods", async () => {
    const { yard } = await withConfig();
    const plain = await modernRpc(yard, "tools/call", {
      ...run,
      arguments: { config_name: "cats", monitor_seconds: 0 },
    });
    const taskId = String(plain["result"].structuredContent.job_id);
    const refused = await modernRpc(yard, "tasks/get", { taskId });
    const old = await rpc(yard, "/mcp", "tasks/get", { taskId });

    expect(plain["result"].resultType).toBe("complete");
    expect(refused["error"]).toMatchObject({
      code: -32_021,
      data: { requiredCapabilities: { extensions: { [extension]: {} } } },
    });
    expect(old["error"].code).toBe(-32_601);
  });

  it.each(["tasks/list", "tasks/result"])("%s does not exist", async (method) => {
    const { yard } = await withConfig();
    const { error } = await modernRpc(yard, method, { taskId: "x" }, follows);
    expect(error.code).toBe(-32_601);
  });
});
