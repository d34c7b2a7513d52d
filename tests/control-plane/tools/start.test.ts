import { AppError } from "@trainyard/shared/errors.ts";
import {
  defaultGuardrailRules,
  noGuardrailRules,
} from "@trainyard/shared/analysis/guards/guardrails.ts";
import { describe, expect, it } from "vitest";
import { jobOf } from "../../../control-plane/stubs.ts";
import { unwrap } from "../../../control-plane/outcome.ts";
import { connectAgent, fullCapabilities } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

async function yardWithConfigs(agents = 1): Promise<Yard> {
  const yard = await createYard({ agents });
  const config = { model_name: "tiny", dataset_path: "cats", steps: 100 };
  await yard.call("create-training-config", { ...config, name: "cats" });
  await yard.call("create-training-config", {
    ...config,
    name: "flex",
    model_name: "ostris/Flex.1-alpha",
  });
  return yard;
}

const noDataset = (reference: string) => ({
  reference,
  name: null,
  exists: false,
  isDirectory: false,
  images: 0,
  captioned: 0,
  emptyCaptions: 0,
  totalBytes: 0,
  fingerprint: null,
  scanLimited: false,
});

describe("start-training", () => {
  it("hands the job to the box at once, with a snapshot of everything it runs with", async () => {
    const yard = await yardWithConfigs();
    const agent = await connectAgent(yard);
    const { data, text } = await yard.call("start-training", { config_name: "config/cats" });

    expect(data).toMatchObject({
      success: true,
      started: true,
      queued: false,
      position: null,
      duplicate: false,
      status: "queued",
      trainer: "tiny",
      agent_id: agent.agentId,
      connectivity: "live",
      total_steps: 100,
    });
    expect(text).toContain(
      `watch-training-timeseries with job_id ${data["job_id"]}`.replace(
        "watch-training-timeseries",
        "get-training-status",
      ),
    );
    expect(agent.argsOf("start-attempt")).toEqual([
      expect.objectContaining({
        jobId: data["job_id"],
        attempt: 1,
        jobName: "cats",
        trainer: "tiny",
        slot: "cpu",
        totalSteps: 100,
        guardrails: noGuardrailRules,
      }),
    ]);
    const { snapshot } = unwrap(
      await jobOf(yard.env, yard.owner, String(data["job_id"])).describe(),
    );
    expect(snapshot).toMatchObject({
      owner: yard.owner,
      createdBy: "token-admin",
      trainerVersion: "0.1.0",
      datasets: [{ reference: "datasets/cats", images: 20 }],
    });
  });

  it("queues behind a job of the same slot, and says the place", async () => {
    const yard = await yardWithConfigs();
    await connectAgent(yard);
    await yard.call("start-training", { config_name: "flex" });
    const second = await yard.call("start-training", { config_name: "flex", force_new: true });
    const third = await yard.call("start-training", { config_name: "flex", force_new: true });
    const cpu = await yard.call("start-training", { config_name: "cats" });

    expect(second.data).toMatchObject({
      started: false,
      queued: true,
      position: 1,
      queue_position: 1,
    });
    expect(third.data).toMatchObject({ started: false, queued: true, position: 2 });
    expect(third.text).toContain("place 2");
    expect(cpu.data).toMatchObject({ started: true, queued: false });
  });

  it("queues for a box that is off, unchecked, and says so", async () => {
    const yard = await yardWithConfigs();
    await (await connectAgent(yard)).close();
    const { data, text } = await yard.call("start-training", { config_name: "cats" });

    expect(data).toMatchObject({ started: false, queued: true, position: 1, observed_at: null });
    expect(data["connectivity"]).not.toBe("live");
    expect(text).toContain("checked when the box is back");
  });

  it("starts once for the same arguments within a minute, or the same key", async () => {
    const yard = await yardWithConfigs();
    await connectAgent(yard);
    const start = async (args: Record<string, unknown> = {}, scope: "train" | "admin" = "admin") =>
      (await yard.call("start-training", { config_name: "cats", ...args }, scope)).data;
    const first = await start();
    const again = await start();
    const forced = await start({ force_new: true });
    const other = await start({}, "train");
    const keyed = await start({ idempotency_key: "k" });
    await yard.call("create-training-config", {
      name: "cats",
      model_name: "tiny",
      dataset_path: "cats",
      steps: 101,
      overwrite: true,
    });
    const changed = await start();
    const keyedAgain = await start({ idempotency_key: "k" });

    expect(again).toMatchObject({ job_id: first["job_id"], duplicate: true });
    expect(keyedAgain).toMatchObject({ job_id: keyed["job_id"], duplicate: true });
    expect(
      new Set([first, forced, other, keyed, changed].map((data) => data["job_id"] as string)).size,
    ).toBe(5);
  });

  it("[B62] refuses a key that started something else, and starts nothing", async () => {
    const yard = await yardWithConfigs();
    await connectAgent(yard);
    await yard.call("start-training", { config_name: "cats", idempotency_key: "k" });
    const { status, error } = await yard.call("start-training", {
      config_name: "flex",
      idempotency_key: "k",
    });

    expect([status, error?.code]).toEqual([409, "IDEMPOTENCY_CONFLICT"]);
    expect((await yard.call("list-training-jobs")).data["total"]).toBe(1);
  });

  it("refuses what cannot run and creates nothing", async () => {
    const yard = await yardWithConfigs();
    const none = await yard.call("start-training", { config_name: "cats" });
    await connectAgent(
      yard,
      {
        preflight: (args) => ({
          trainer: { found: true, reason: null },
          datasets: args.datasets.map(noDataset),
          freeBytes: null,
        }),
      },
      {
        capabilities: {
          trainers: [
            { name: "tiny", found: true, version: null, reason: null },
            { name: "ai-toolkit", found: false, version: null, reason: "no folder" },
          ],
        },
      },
    );
    const noConfig = await yard.call("start-training", { config_name: "dogs" });
    const noTrainer = await yard.call("start-training", { config_name: "flex" });
    const noData = await yard.call("start-training", { config_name: "cats" });
    const noAgent = await yard.call("start-training", { config_name: "cats", agent: "nobody" });

    expect([none.status, none.error?.code]).toEqual([503, "AGENT_OFFLINE"]);
    expect([noConfig.status, noConfig.error?.code]).toEqual([404, "CONFIG_NOT_FOUND"]);
    expect([noTrainer.status, noTrainer.error?.code]).toEqual([422, "TRAINER_NOT_FOUND"]);
    expect(noTrainer.error?.details).toMatchObject({ trainer: "ai-toolkit", reason: "no folder" });
    expect([noData.status, noData.error?.code]).toEqual([404, "DATASET_NOT_FOUND"]);
    expect(noData.error?.details).toMatchObject({ datasets: ["datasets/cats"] });
    expect([noAgent.status, noAgent.error?.code]).toEqual([400, "INVALID_ARGUMENT"]);
    expect((await yard.call("list-training-jobs")).data).toMatchObject({ total: 0, jobs: [] });
  });

  it("asks which box is meant when there are several", async () => {
    const yard = await yardWithConfigs(2);
    await connectAgent(yard);
    const second = await connectAgent(yard, {}, { at: 1, capabilities: { name: "Attic" } });
    const ambiguous = await yard.call("start-training", { config_name: "cats" });
    const named = await yard.call("start-training", { config_name: "cats", agent: "attic" });

    expect([ambiguous.status, ambiguous.error?.code]).toEqual([409, "AMBIGUOUS_AGENT"]);
    expect(ambiguous.error?.details["agents"]).toHaveLength(2);
    expect(named.data["agent_id"]).toBe(second.agentId);
  });

  it("starts diffusion trainings on the cards with the least to do, or on the one that is named", async () => {
    const yard = await yardWithConfigs();
    const agent = await connectAgent(
      yard,
      {},
      { capabilities: { slots: ["cpu", "gpu:0", "gpu:1"] } },
    );
    const start = (more: object = {}) =>
      yard.call("start-training", { config_name: "flex", force_new: true, ...more });
    await start();
    await start();
    expect(agent.argsOf("start-attempt").map(({ slot }) => slot)).toEqual(["gpu:0", "gpu:1"]);

    expect((await start({ gpu: 1 })).data).toMatchObject({ queued: true, position: 1 });
    expect((await start()).data).toMatchObject({ queued: true, position: 1 });
    expect((await start({ gpu: 2 })).error).toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { field: "gpu" },
    });
  });
});

it("start-training refuses a dataset without a picture, and leaves no job", async () => {
  const yard = await yardWithConfigs();
  await connectAgent(yard, {
    preflight: (args) => ({
      trainer: { found: true, reason: null },
      freeBytes: null,
      datasets: args.datasets.map((reference) => ({
        ...noDataset(reference),
        exists: true,
        isDirectory: true,
      })),
    }),
  });
  const { status, error } = await yard.call("start-training", { config_name: "cats" });

  expect([status, error?.code]).toEqual([422, "DATASET_EMPTY"]);
  expect(error?.hint).toContain("create-upload-link");
  expect((await yard.call("list-training-jobs")).data["total"]).toBe(0);
});

describe("run-training-with-guardrails", () => {
  it("starts with its rules, all of which act", async () => {
    const yard = await yardWithConfigs();
    const agent = await connectAgent(yard);
    const { data, text } = await yard.call("run-training-with-guardrails", {
      config_name: "cats",
      monitor_seconds: 0,
      nan_threshold: 7,
      oom_threshold: 9,
      throughput_floor_iter_per_sec: 0.2,
      stop_on_throughput_collapse: false,
      max_hours: 5,
    });

    expect(data).toMatchObject({
      started: true,
      status: "started",
      config_name: "cats",
      duplicate: false,
      validation: { valid: true },
      guardrails: {
        stop_on_nan: true,
        nan_threshold: 7,
        oom_threshold: 9,
        stall_window_seconds: 600,
        max_hours: 5,
        max_steps: null,
        dry_run: false,
        acting: [
          "TRAINING_NAN_LOSS",
          "TRAINING_REPEATED_OOM",
          "TRAINING_STALLED_PROGRESS",
          "TRAINING_LOSS_EXPLOSION",
          "DISK_NEARLY_FULL",
          "MAX_HOURS_REACHED",
        ],
      },
      monitor: { snapshot_count: 1 },
      triggered_guardrails: [],
      stop_result: null,
      final_status: "queued",
    });
    expect(text).toContain("this cursor");
    const rules = {
      ...defaultGuardrailRules,
      nanThreshold: 7,
      oomThreshold: 9,
      stopOnThroughputCollapse: false,
      throughputFloor: 0.2,
      // A floor that the owner names counts alone.
      throughputDrop: null,
      maxHours: 5,
    };
    expect(agent.argsOf("start-attempt")[0]).toMatchObject({
      guardrails: rules,
      guardrailsRevision: 0,
    });
    const { snapshot } = unwrap(
      await jobOf(yard.env, yard.owner, String(data["job_id"])).describe(),
    );
    expect(snapshot.guardrails).toEqual(rules);
  });

  it("is blocked by an error of the validation, and goes on over it when told to", async () => {
    const yard = await yardWithConfigs();
    const agent = await connectAgent(yard, {
      preflight: (args) => ({
        trainer: { found: true, reason: null },
        freeBytes: null,
        datasets: args.datasets.map((reference) => ({
          ...noDataset(reference),
          exists: true,
          isDirectory: true,
        })),
      }),
    });
    const blocked = await yard.call("run-training-with-guardrails", {
      config_name: "cats",
      monitor_seconds: 0,
    });
    const forced = await yard.call("run-training-with-guardrails", {
      config_name: "cats",
      monitor_seconds: 0,
      block_on_validation_fail: false,
    });

    expect(blocked.status).toBe(200);
    expect(blocked.data).toMatchObject({ started: false, status: "blocked_by_validation" });
    expect(blocked.data["validation"].errors[0].code).toBe("DATASET_EMPTY");
    expect(blocked.data).not.toHaveProperty("job_id");
    expect(forced.data).toMatchObject({ status: "started" });
    expect(agent.argsOf("start-attempt")).toHaveLength(1);
  });

  it("returns as soon as the job ends, with the guardrail that stopped it", async () => {
    const yard = await yardWithConfigs();
    const agent = await connectAgent(yard, {
      "start-attempt": async (args, box) => {
        setTimeout(
          () =>
            void box.events(
              args.jobId,
              [
                { kind: "state", atMs: 1, state: "running" },
                {
                  kind: "alert",
                  atMs: 2,
                  step: 3,
                  code: "TRAINING_NAN_LOSS",
                  severity: "critical",
                  category: "quality",
                  message: "The loss is not a number in 3 steps.",
                  evidence: { nan_steps: 3 },
                  guardrail: true,
                },
                {
                  kind: "state",
                  atMs: 3,
                  state: "stopped",
                  stop: { by: "guardrail:TRAINING_NAN_LOSS", reason: "NaN", mode: "checkpoint" },
                  evidence: { stop_wanted: "guardrail:TRAINING_NAN_LOSS" },
                },
              ],
              { state: "stopped", currentStep: 4, loss: "NaN" },
            ),
          300,
        );
        return { accepted: true };
      },
    });
    const began = Date.now();
    const { data, text } = await yard.call("run-training-with-guardrails", {
      config_name: "cats",
      monitor_seconds: 60,
      poll_interval_seconds: 2,
    });

    expect(Date.now() - began).toBeLessThan(10_000);
    expect(data).toMatchObject({
      status: "stopped_by_guardrail",
      final_status: "stopped",
      triggered_guardrails: [{ code: "TRAINING_NAN_LOSS", severity: "critical", step: 3 }],
      stop_result: { success: true, status: "stopped" },
      job: { loss: "NaN", stop: { by: "guardrail:TRAINING_NAN_LOSS" } },
      cursor: null,
    });
    expect(text).toContain("Stopped by a guardrail");
    expect(agent.watched).toContain(data["job_id"]);
  }, 15_000);

  it("returns what it has when the call's time is over, and the job goes on", async () => {
    const yard = await createYard({ vars: { MCP_HTTP_TOOL_TIMEOUT_SECONDS: "4" } });
    await yard.call("create-training-config", {
      name: "cats",
      model_name: "tiny",
      dataset_path: "cats",
    });
    await connectAgent(yard);
    const { status, data, text } = await yard.call("run-training-with-guardrails", {
      config_name: "cats",
      monitor_seconds: 600,
      poll_interval_seconds: 2,
    });

    expect(status).toBe(200);
    expect(data).toMatchObject({ status: "monitor_window_complete", final_status: "queued" });
    expect(data["cursor"]).toEqual(expect.any(String));
    expect(text).toContain("the job goes on");
    const next = await yard.call("watch-training-timeseries", {
      job_id: data["job_id"],
      cursor: data["cursor"],
      duration_seconds: 0,
    });
    expect(next.status).toBe(200);
  }, 15_000);

  it("does not start what the box refuses, and says the box's reason", async () => {
    const yard = await yardWithConfigs();
    await connectAgent(yard, {
      "start-attempt": () => {
        throw new AppError("STORAGE_FULL", "The box's disk is full.", { hint: "Free some space." });
      },
    });
    const { data } = await yard.call("run-training-with-guardrails", {
      config_name: "cats",
      monitor_seconds: 30,
      poll_interval_seconds: 2,
    });

    expect(data).toMatchObject({
      status: "job_failed",
      final_status: "failed",
      job: {
        failure: {
          code: "START_REFUSED",
          message: "The box's disk is full.",
          fix: "Free some space.",
        },
      },
    });
  }, 15_000);

  it("keeps capabilities and config apart: a config without the trainer is refused before anything", async () => {
    const yard = await yardWithConfigs();
    await connectAgent(
      yard,
      {},
      {
        capabilities: { trainers: fullCapabilities.trainers.filter(({ name }) => name === "tiny") },
      },
    );
    const { status, error } = await yard.call("run-training-with-guardrails", {
      config_name: "flex",
    });

    expect([status, error?.code]).toEqual([422, "TRAINER_NOT_FOUND"]);
    expect(error?.hint).toContain("tiny");
  });
});
