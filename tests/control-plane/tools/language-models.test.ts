import type { Item } from "@trainyard/shared/protocol/items.ts";
import { describe, expect, it } from "vitest";
import {
  endingScript,
  evaluationRecord,
  llmCapabilities,
  runningItem,
  runScript,
} from "../support/language-run.ts";
import { connectAgent } from "../support/scripted-agent.ts";
import type { ScriptedAgent, Script } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

const runId = "first-20251118-101530";
const handle = { project_path: "projects/health", run_id: runId };

interface Run {
  readonly yard: Yard;
  readonly agent: ScriptedAgent;
}

/** A box with a run whose stages in `trained` left adapters. */
async function open(trained: number[] = [], script: Script = {}): Promise<Run> {
  const yard = await createYard();
  const agent = await connectAgent(
    yard,
    { ...runScript(runId, trained), ...script },
    { capabilities: llmCapabilities },
  );
  return { yard, agent };
}

const points = (to: number): Item => ({
  kind: "metrics",
  steps: Array.from({ length: to }, (_, n) => n),
  atMs: Array.from({ length: to }, (_, n) => n),
  values: {
    loss: Array.from({ length: to }, () => 2.5),
    tokens_per_second: Array.from({ length: to }, (_, n) => 100 + n),
    eval_loss: Array.from({ length: to }, (_, n) => (n === 9 ? 2.25 : null)),
  },
});
describe("start-training of a run", () => {
  it("is a job of the trainer llm whose document holds the whole run", async () => {
    const { yard, agent } = await open();
    const { data, text } = await yard.call("start_training", { ...handle, async_mode: true });

    expect(data).toMatchObject({
      success: true,
      run_id: runId,
      training_started: true,
      trainer: "llm",
      job_name: runId,
      total_steps: 50,
      estimated_duration_minutes: null,
      log_file: `jobs/${String(data["job_id"])}/1/stdout.log`,
    });
    expect(data["monitor_command"]).toBe(
      `trainyard tool monitor-training-progress '{"project_path":"projects/health","run_id":"${runId}"}'`,
    );
    expect(text).toContain("Next: monitor-training-progress");
    const [args] = agent.argsOf("start-attempt");
    expect(args).toMatchObject({ trainer: "llm", jobName: runId, totalSteps: 50, slot: "gpu:0" });
    expect(JSON.stringify(args?.document)).toContain('"kind":"train"');
  });

  it("is the same job when it comes twice, and none beside one that trains", async () => {
    const { yard } = await open();
    const first = await yard.call("start-training", handle);

    expect((await yard.call("start-training", handle)).data).toMatchObject({
      duplicate: true,
      job_id: first.data["job_id"],
    });
    const other = await yard.call("start-training", { ...handle, force_new: true });
    expect(other.error).toMatchObject({
      code: "IN_USE",
      details: { job_id: first.data["job_id"] },
    });
  });

  it.each([
    [{ ...handle, run_id: "none" }, "RUN_NOT_FOUND"],
    [{ project_path: "projects/health" }, "INVALID_ARGUMENT"],
    [{ ...handle, config_name: "x" }, "INVALID_ARGUMENT"],
    [{}, "INVALID_ARGUMENT"],
    [{ ...handle, stage: 3 }, "INVALID_ARGUMENT"],
  ])("refuses %j", async (args, code) => {
    const { yard } = await open();

    expect((await yard.call("start-training", args)).error?.code).toBe(code);
  });

  it("hands on what the box cannot run, and leaves no job", async () => {
    const { yard } = await open([], {
      preflight: () => ({
        trainer: { found: true, reason: null },
        datasets: [],
        freeBytes: null,
        problem: { code: "NOT_SUPPORTED", message: "q4 needs CUDA.", hint: "none" },
      }),
    });

    expect((await yard.call("start-training", handle)).error).toMatchObject({
      code: "NOT_SUPPORTED",
      message: "q4 needs CUDA. Nothing was started.",
    });
    expect((await yard.call("list-training-jobs")).data["jobs"]).toEqual([]);
  });
});

describe("monitor-training-progress", () => {
  it("tells a run that was not started from one that is not there", async () => {
    const { yard } = await open();

    expect((await yard.call("monitor-training-progress", handle)).data).toMatchObject({
      status: "not_started",
      total_iterations: 50,
      current_stage: null,
      carbon_emissions_kg: null,
    });
    expect(
      (await yard.call("monitor-training-progress", { ...handle, run_id: "none" })).error?.code,
    ).toBe("RUN_NOT_FOUND");
  });

  it("shows stage, numbers and the expected end, also with the box off and by any path", async () => {
    const { yard, agent } = await open();
    const { data: started } = await yard.call("start-training", handle);
    const jobId = String(started["job_id"]);
    const head = {
      state: "running",
      currentStep: 25,
      totalSteps: 50,
      remainingSeconds: 60,
      loss: 2.5,
      lr: 1e-6,
    } as const;
    await agent.events(jobId, [runningItem, points(25)], head);
    const { data } = await yard.call("monitor_training_progress", handle);

    expect(data).toMatchObject({
      status: "running",
      current_stage: 2,
      current_iteration: 25,
      total_iterations: 50,
      progress_percentage: 50,
      metrics: { train_loss: 2.5, learning_rate: 1e-6, tokens_per_second: 124, eval_loss: 2.25 },
      job_id: jobId,
    });
    expect(Date.parse(String(data["estimated_completion_time"]))).toBeGreaterThan(Date.now());
    await agent.close();
    const off = await yard.call("monitor-training-progress", {
      project_path: "/home/me/.trainyard/projects/health",
      run_id: runId,
    });
    expect(off.data).toMatchObject({ current_iteration: 25, job_id: jobId });
    expect(off.data["connectivity"]).not.toBe("live");
  });
});

describe("evaluate-model", () => {
  it("waits for its job and shows what it measured; called again it is the same one", async () => {
    const { yard, agent } = await open([1, 2], endingScript("completed", evaluationRecord));
    const first = await yard.call("evaluate-model", handle);

    expect(first.data).toMatchObject({
      success: true,
      stage: 2,
      status: "completed",
      evaluation_results: { accuracy: 0.5, perplexity: 4, custom_metrics: { bleu: null } },
      results_file: "outputs/x/evaluation.json",
    });
    expect(first.text).toContain("50.0 % of the tokens");
    const again = await yard.call("evaluate-model", handle);
    expect(again.data["job_id"]).toBe(first.data["job_id"]);
    const other = await yard.call("evaluate-model", { ...handle, stage: 1 });
    expect(other.data["job_id"]).not.toBe(first.data["job_id"]);
    expect(agent.argsOf("start-attempt").map(({ jobName }) => jobName)).toEqual([
      `${runId}-s2-evaluation`,
      `${runId}-s1-evaluation`,
    ]);
  });

  it("says that it failed, and is tried anew then", async () => {
    const { yard } = await open([1], endingScript("failed", evaluationRecord));
    const first = await yard.call("evaluate-model", handle);

    expect(first.data).toMatchObject({
      success: false,
      status: "failed",
      evaluation_results: null,
    });
    const second = await yard.call("evaluate-model", handle);
    expect(second.data["job_id"]).not.toBe(first.data["job_id"]);
  });

  it("wants a stage that is trained", async () => {
    const { yard } = await open([1]);

    expect((await yard.call("evaluate-model", { ...handle, stage: 2 })).error).toMatchObject({
      code: "MODEL_NOT_FOUND",
      details: { stage: 2, trained: [1] },
    });
  });
});

describe("export-model of a run", () => {
  it("is a job, and answers in both documents' fields", async () => {
    const { yard, agent } = await open(
      [1],
      endingScript("completed", {
        bytes: 2_500_000,
        files: [{ name: "model.safetensors", bytes: 2_500_000 }],
        huggingface_url: null,
        usage_instructions: "load it",
      }),
    );
    const { data } = await yard.call("export_model", {
      ...handle,
      export_format: "huggingface",
      export_path: "./exported_model",
    });

    expect(data).toMatchObject({
      success: true,
      status: "success",
      export_path: "outputs/x/model",
      path: "outputs/x/model",
      export_format: "huggingface",
      model_size_mb: 2.5,
      usage_instructions: "load it",
    });
    expect(agent.argsOf("start-attempt")[0]).toMatchObject({ jobName: "exported_model" });
  });

  it.each([
    [{ export_path: "/etc/x" }, "PATH_ESCAPE"],
    [{ export_path: "../x" }, "INVALID_NAME"],
    [{ upload_to_huggingface: true }, "INVALID_ARGUMENT"],
    [{ hf_repo_id: "no owner" }, "INVALID_ARGUMENT"],
    [{ run_id: null }, "INVALID_ARGUMENT"],
  ])("refuses %j", async (more, code) => {
    const { yard } = await open([1]);

    expect((await yard.call("export-model", { ...handle, ...more })).error?.code).toBe(code);
  });
});
