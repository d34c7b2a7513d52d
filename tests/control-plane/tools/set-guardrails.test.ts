import {
  defaultGuardrailRules,
  guardrailCodes,
  noGuardrailRules,
} from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import { describe, expect, it } from "vitest";
import { connectAgent, fullCapabilities, silence } from "../support/scripted-agent.ts";
import type { Script } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const applies: Script = {
  "set-guardrails": ({ revision }) => ({ outcome: "in-force", revision }),
};

async function yardWithConfig(): Promise<Yard> {
  const yard = await createYard();
  await yard.call("create-training-config", {
    name: "cats",
    model_name: "tiny",
    dataset_path: "cats",
    steps: 100,
  });
  return yard;
}

const says = (revision: number, rules: GuardrailRules): Item => ({
  kind: "state",
  atMs: 1,
  state: "running",
  guardrails: { revision, rules },
});

async function running(script: Script = applies) {
  const yard = await yardWithConfig();
  const agent = await connectAgent(yard, script);
  const { data } = await yard.call("start-training", { config_name: "cats" });
  const jobId = String(data["job_id"]);
  await agent.events(jobId, [says(0, noGuardrailRules)], {});
  const status = async () =>
    (await yard.call("get-training-status", { job_id: jobId })).data["guardrails"];
  return { yard, agent, jobId, status };
}

describe("set-guardrails", () => {
  it("changes what is given, leaves the rest, and says when the box judges by it", async () => {
    const { yard, agent, jobId, status } = await running();
    const first = await yard.call("set-guardrails", {
      job_id: jobId,
      stop_on_nan: true,
      max_hours: 3,
    });
    const second = await yard.call("set-guardrails", {
      id: jobId,
      max_hours: 0,
      stall_window_seconds: 60,
      warn_only: ["TRAINING_STALLED_PROGRESS"],
      throughput_floor_iter_per_sec: 0.5,
    });

    expect(first.data).toMatchObject({
      revision: 1,
      delivery: "in-force",
      acting: ["TRAINING_NAN_LOSS", "MAX_HOURS_REACHED"],
      in_force: { stop_on_nan: true, max_hours: 3, stop_on_repeated_oom: false },
      pending: null,
    });
    expect(second.data).toMatchObject({ revision: 2, acting: ["TRAINING_NAN_LOSS"] });
    expect(agent.argsOf("set-guardrails")).toEqual([
      {
        jobId,
        attempt: 1,
        revision: 1,
        rules: { ...noGuardrailRules, stopOnNan: true, maxHours: 3 },
      },
      {
        jobId,
        attempt: 1,
        revision: 2,
        rules: {
          ...noGuardrailRules,
          stopOnNan: true,
          stallWindowSeconds: 60,
          warnOnly: ["TRAINING_STALLED_PROGRESS"],
          throughputFloor: 0.5,
          throughputDrop: null,
        },
      },
    ]);
    // In force is what the box says, in its own stream.
    expect(await status()).toMatchObject({ enabled: [], pending: { stop_on_nan: true } });
    await agent.events(jobId, [says(2, agent.argsOf("set-guardrails")[1]!.rules)], {});
    expect(await status()).toMatchObject({
      enabled: ["TRAINING_NAN_LOSS"],
      in_force: { stall_window_seconds: 60 },
      pending: null,
    });
  });

  it("keeps them for a box that is off, delivers the newest once, and says what is pending", async () => {
    const { yard, agent, jobId, status } = await running();
    await agent.close();
    const first = await yard.call("set-guardrails", { job_id: jobId, max_steps: 10 });
    const second = await yard.call("set-guardrails", { job_id: jobId, dry_run: true });

    expect(first.data).toMatchObject({
      delivery: "pending",
      connectivity: "stale",
      in_force: { max_steps: null },
      pending: { max_steps: 10 },
    });
    expect(second.text).toContain("gets them when it connects");
    expect(await status()).toMatchObject({
      enabled: [],
      in_force: { max_steps: null },
      pending: { max_steps: 10, dry_run: true },
    });
    const back = await connectAgent(yard, applies);
    await expect.poll(() => back.argsOf("set-guardrails")).toHaveLength(1);
    expect(back.argsOf("set-guardrails")).toMatchObject([
      { revision: 2, rules: { maxSteps: 10, dryRun: true } },
    ]);
    // Answered: the next hello brings nothing.
    await expect
      .poll(async () => {
        await back.close();
        const again = await connectAgent(yard, applies);
        return again.argsOf("set-guardrails").length;
      })
      .toBe(0);
  });

  it("holds for a job that still waits: it starts with them", async () => {
    const yard = await yardWithConfig();
    const agent = await connectAgent(yard, applies);
    const first = await yard.call("start-training", { config_name: "cats" });
    const { data } = await yard.call("start-training", { config_name: "cats", force_new: true });
    const jobId = String(data["job_id"]);
    const set = await yard.call("set-guardrails", { job_id: jobId, stop_on_repeated_oom: true });
    expect(set.data).toMatchObject({ delivery: "waiting", in_force: null, status: "queued" });

    await agent.events(
      String(first.data["job_id"]),
      [{ kind: "state", atMs: 2, state: "failed" }],
      { state: "failed" },
    );
    await expect.poll(() => agent.argsOf("start-attempt")).toHaveLength(2);
    expect(agent.argsOf("start-attempt")[1]).toMatchObject({
      jobId,
      guardrails: { ...noGuardrailRules, stopOnRepeatedOom: true },
      guardrailsRevision: 1,
    });
    expect(agent.argsOf("set-guardrails")).toEqual([]);
  });

  it("is pending while the box is silent", async () => {
    const { yard, jobId } = await running({ "set-guardrails": () => silence });
    const { data } = await yard.call("set-guardrails", { job_id: jobId, stop_on_low_disk: true });
    expect(data).toMatchObject({ delivery: "pending", acting: ["DISK_NEARLY_FULL"] });
  }, 20_000);

  it.each([
    ["an unknown job", { job_id: "job_nowhere", dry_run: true }, 404, "JOB_NOT_FOUND"],
    ["no rule at all", {}, 400, "INVALID_ARGUMENT"],
    ["a rule there is not", { stop_on_tuesdays: true }, 400, "UNKNOWN_KEY"],
    ["a window too short", { stall_window_seconds: 9 }, 400, "INVALID_ARGUMENT"],
    ["a code there is not", { warn_only: ["OOM"] }, 400, "INVALID_ARGUMENT"],
  ])("refuses %s", async (_name, args, status, code) => {
    const { yard, jobId } = await running();
    const answer = await yard.call("set-guardrails", { job_id: jobId, ...args });
    expect([answer.status, answer.error?.code]).toEqual([status, code]);
  });

  it("names the codes there are where one is not", async () => {
    const { yard, jobId } = await running();
    const { error } = await yard.call("set-guardrails", { job_id: jobId, warn_only: ["NOPE"] });
    for (const code of guardrailCodes) expect(error?.message).toContain(code);
    expect(error?.message).toContain('it is "NOPE"');
  });

  it("refuses a job that has ended, also where only the box knows", async () => {
    const gone = await running({
      "set-guardrails": () => ({ outcome: "not-running", revision: 0 }),
    });
    const unknown = await gone.yard.call("set-guardrails", { job_id: gone.jobId, dry_run: true });
    expect([unknown.status, unknown.error?.code]).toEqual([409, "JOB_NOT_RUNNING"]);

    const { yard, agent, jobId } = await running();
    await agent.events(jobId, [{ kind: "state", atMs: 2, state: "failed" }], { state: "failed" });
    const ended = await yard.call("set-guardrails", { job_id: jobId, dry_run: true });
    expect([ended.status, ended.error?.code]).toEqual([409, "JOB_NOT_RUNNING"]);
    expect(agent.argsOf("set-guardrails")).toEqual([]);
  });

  it("refuses a box that does not know it, and a token that may only read", async () => {
    const yard = await yardWithConfig();
    const known = Object.keys(operations).filter((name) => name !== "set-guardrails");
    await connectAgent(yard, applies, {
      capabilities: { ...fullCapabilities, operations: known },
    });
    const { data } = await yard.call("start-training", { config_name: "cats" });
    const args = { job_id: data["job_id"], dry_run: true };
    expect((await yard.call("set-guardrails", args)).error?.code).toBe("AGENT_OUTDATED");
    expect((await yard.call("set-guardrails", args, "read")).error?.code).toBe(
      "INSUFFICIENT_SCOPE",
    );
  });

  it("a guarded start with its defaults acts on every fault", async () => {
    const yard = await yardWithConfig();
    const agent = await connectAgent(yard);
    await yard.call("run-training-with-guardrails", { config_name: "cats", monitor_seconds: 0 });
    expect(agent.argsOf("start-attempt")[0]?.guardrails).toEqual(defaultGuardrailRules);
  });

  it("shows which alert stopped the job and which would have", async () => {
    const { yard, agent, jobId } = await running();
    const alert = {
      kind: "alert",
      atMs: 3,
      step: 5,
      severity: "critical",
      category: "limit",
      message: "m",
      evidence: {},
    } as const;
    await agent.events(
      jobId,
      [
        { ...alert, code: "MAX_STEPS_REACHED", guardrail: true },
        { ...alert, code: "TRAINING_NAN_LOSS", guardrail: false, wouldStop: true },
        { ...alert, code: "DISK_NEARLY_FULL", guardrail: false },
      ],
      {},
    );
    const { data } = await yard.call("get-training-status", { job_id: jobId });
    expect(data["alerts"]).toEqual([
      expect.objectContaining({ code: "MAX_STEPS_REACHED", guardrail: true }),
      expect.objectContaining({ code: "TRAINING_NAN_LOSS", would_stop: true }),
      expect.not.objectContaining({ would_stop: expect.anything() }),
    ]);
    expect(data["guardrails"]["triggered"]).toHaveLength(1);
  });
});
