import { existsSync, readFileSync, readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/trainyard.ts";
import { colours, openLlmYard, python, spoiltModel, tinyModel } from "./llm-yard.ts";
import type { Handle, LlmYard } from "./llm-yard.ts";
import { seriesOf } from "./toolkit-yard.ts";

if (python === null) {
  console.log(
    "skipped: language models. Set TRAINYARD_LLM_PYTHON to a Python with torch, transformers, peft and accelerate.",
  );
}

describe.skipIf(python === null)("a language model on the CPU", () => {
  let yard: LlmYard;
  let project = "";
  let whole: Handle & { readonly job_id: string };

  beforeAll(async () => {
    if (python === null) return;
    yard = await openLlmYard(python);
    await yard.trainyard.upload("colours", {
      "train.jsonl": colours(48),
      "valid.jsonl": colours(8),
      "test.jsonl": colours(12),
      "bad.jsonl": Buffer.from(
        '{"instruction": "x", "output": "y"}\n{"instruction": 7}\nno json\n',
      ),
    });
    const made = await yard.tool("generate-fine-tuning-project", {
      project_name: "colours",
      output_dir: "./fine-tuning-projects",
      base_model: {
        type: "llama",
        model_id: "tiny/llama",
        local_path: tinyModel,
        quantization: "none",
      },
      training: {
        num_stages: 2,
        stage1_iterations: 20,
        stage2_iterations: 12,
        learning_rate: 5e-3,
        stage2_learning_rate: 1e-3,
      },
      dataset: { quality_field: "quality" },
    });
    project = made["project"];
    expect(made).toMatchObject({
      success: true,
      created: true,
      project: "projects/fine-tuning-projects/colours",
    });
  });
  afterAll(() => yard?.close());

  const configure = async (
    name: string,
    override: Record<string, unknown> = {},
  ): Promise<Handle> => {
    const run = await yard.tool("configure-training-run", {
      project_path: project,
      run_name: name,
      training_data: {
        train_dataset: "datasets/colours/train.jsonl",
        validation_dataset: "datasets/colours/valid.jsonl",
        test_dataset: "datasets/colours/test.jsonl",
      },
      override_params: {
        save_steps: 5,
        eval_steps: 5,
        metrics: ["perplexity", "accuracy", "exact_match"],
        ...override,
      },
    });
    return { project_path: project, run_id: run["run_id"] };
  };
  const start = (run: Handle, more: Record<string, unknown> = {}) =>
    yard.tool("start-training", { ...run, ...more });
  const resumed = async (jobId: string, attempt: number) => {
    await yard.tool("resume-training", { job_id: jobId });
    return until(
      `attempt ${attempt}`,
      async () => {
        const status = await yard.tool("get-training-status", { job_id: jobId, detail: "full" });
        return status["attempts"][attempt - 1]?.start_step > 0 ? status : null;
      },
      200_000,
    );
  };

  it("is a trainer of the box, with its versions", async () => {
    const trainer = await until(
      "the look at the libraries",
      async () => {
        const { data } = await yard.trainyard.call("get-system-stats", { detail: "full" });
        return data["trainers"].find(
          (one: { name: string }) => one.name === "llm" && one["version" as "name"] !== null,
        );
      },
      180_000,
    );
    console.log(`llm: ${trainer.version} with ${python}`);
    expect(trainer).toMatchObject({
      found: true,
      version: expect.stringContaining("transformers"),
    });
  });

  it("refuses a dataset with the rows that are wrong, and a quantization that needs CUDA", async () => {
    expect(
      await yard.refusal("configure-training-run", {
        project_path: project,
        run_name: "bad",
        training_data: { train_dataset: "datasets/colours/bad.jsonl" },
      }),
    ).toMatch(
      /DATASET_INVALID.*row 2: output is missing|DATASET_INVALID.*row 2: instruction is missing/,
    );
    const run = await configure("q4", { quantization: "q4" });
    expect(await yard.refusal("start-training", { ...run })).toMatch(
      /NOT_SUPPORTED.*q4 needs CUDA/,
    );
  });

  it("trains two stages to verified adapters, its series the printed one", async () => {
    const run = await configure("whole");
    expect(await yard.tool("monitor-training-progress", { ...run })).toMatchObject({
      status: "not_started",
      total_iterations: 32,
    });
    const started = await start(run);
    expect(started).toMatchObject({
      success: true,
      training_started: true,
      run_id: run.run_id,
      trainer: "llm",
      estimated_duration_minutes: null,
    });
    // The same once more is the same job.
    expect(await start(run)).toMatchObject({ duplicate: true, job_id: started["job_id"] });
    whole = { ...run, job_id: started["job_id"] };
    const end = await yard.ended(run);
    expect(end).toMatchObject({
      status: "completed",
      current_stage: 2,
      current_iteration: 32,
      total_iterations: 32,
      progress_percentage: 100,
      carbon_emissions_kg: null,
      carbon_note: expect.stringContaining("country"),
      failure: null,
    });
    expect(end["metrics"]["tokens_per_second"]).toBeGreaterThan(0);
    expect(end["metrics"]["eval_loss"]).toBeGreaterThan(0);

    const printed = yard
      .log(whole.job_id, 1, "stdout")
      .split("\n")
      .flatMap((line) => {
        const match = /^\{'loss': ([^,]+),.*'step': (\d+)\}$/.exec(line);
        return match === null ? [] : [{ step: Number(match[2]) - 1, value: Number(match[1]) }];
      });
    expect(printed).toHaveLength(32);
    expect(await seriesOf(yard.trainyard, whole.job_id, "loss")).toEqual(printed);
    expect(
      (await seriesOf(yard.trainyard, whole.job_id, "eval_loss")).map(({ step }) => step),
    ).toEqual([4, 9, 14, 19, 24, 29, 31]);
    const status = await yard.tool("get-training-status", { job_id: whole.job_id, detail: "full" });
    expect(status).toMatchObject({
      status: "completed",
      model: {
        path: `outputs/${run.run_id}/final-model/adapter_model.safetensors`,
        verified: true,
      },
    });
    const manifest = JSON.parse(
      readFileSync(
        join(yard.trainyard.home, project, "runs", run.run_id, "run-manifest.json"),
        "utf8",
      ),
    );
    expect(manifest).toMatchObject({
      manifest_version: "2.0",
      status: "completed",
      stages: { 1: { status: "completed" }, 2: { status: "completed" } },
      training_data: { train: { rows: 48, high_quality_rows: 16 } },
    });
  });

  it("evaluates a stage, and answers the same call from the same job", async () => {
    const first = await yard.settled("evaluate-model", {
      project_path: project,
      run_id: whole.run_id,
    });
    expect(first).toMatchObject({ success: true, status: "completed", stage: 2 });
    const { evaluation_results: results } = first;
    expect(results).toMatchObject({
      rows: 12,
      custom_metrics: { exact_match: expect.any(Number) },
    });
    expect(results.perplexity).toBeCloseTo(Math.exp(results.loss), 6);
    expect(results.accuracy).toBeGreaterThanOrEqual(0);
    expect(existsSync(join(yard.trainyard.home, first["results_file"]))).toBe(true);
    const again = await yard.settled("evaluate-model", {
      project_path: project,
      run_id: whole.run_id,
    });
    expect(again["job_id"]).toBe(first["job_id"]);
  });

  it("exports a merged model that loads by itself, and refuses what the box cannot make", async () => {
    const merged = await yard.settled("export-model", {
      project_path: project,
      run_id: whole.run_id,
      export_format: "huggingface",
      export_path: "./colours-model",
    });
    expect(merged).toMatchObject({
      success: true,
      export_path: "outputs/colours-model/model",
      export_format: "huggingface",
    });
    expect(readdirSync(join(yard.trainyard.home, merged["export_path"]))).toEqual(
      expect.arrayContaining(["README.md", "config.json", "model.safetensors", "tokenizer.json"]),
    );
    const adapters = await yard.settled("export-model", {
      project_path: project,
      run_id: whole.run_id,
      stage: 1,
      merge_adapters: false,
    });
    expect(adapters).toMatchObject({ success: true, filename: "model/adapter_model.safetensors" });
    const link = await yard.tool("create-download-link", { job_id: adapters["job_id"] });
    expect((await fetch(link["download_url"])).status).toBe(200);
    for (const [more, code] of [
      [{ export_format: "gguf" }, /NOT_SUPPORTED.*llama\.cpp/],
      [{ export_format: "mlx" }, /NOT_SUPPORTED.*mlx-lm/],
      [{ upload_to_huggingface: true, hf_repo_id: "me/x" }, /POLICY_DENIED/],
      [{ export_path: "/etc/model" }, /PATH_ESCAPE/],
    ] as const) {
      expect(
        await yard.refusal("export-model", {
          project_path: project,
          run_id: whole.run_id,
          ...more,
        }),
      ).toMatch(code);
    }
  });

  it("stops with a checkpoint, and goes on from it over an agent that was killed", async () => {
    const run = await configure("stopped", { stage1_iterations: 40, stage2_iterations: 20 });
    const { job_id: jobId } = await start(run);
    await yard.steps(run, 6);
    await yard.tool("stop-training", { job_id: jobId, mode: "checkpoint" });
    const stopped = await yard.ended(run);
    expect(stopped).toMatchObject({ status: "stopped", failure: null });
    expect(yard.log(jobId, 1, "stdout")).toContain("Job stopped");

    const status = await resumed(jobId, 2);
    expect(status["attempts"][1].start_step).toBe(stopped["current_iteration"]);
    process.kill(yard.trainyard.pids().agent, "SIGKILL");
    const end = await yard.ended(run);
    expect(end).toMatchObject({ status: "completed", current_iteration: 60 });
    const steps = (await seriesOf(yard.trainyard, jobId, "loss")).map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: 60 }, (_, step) => step));
  });

  it("goes on in the second stage after SIGKILL, past a damaged checkpoint", async () => {
    const run = await configure("killed", { stage1_iterations: 6, stage2_iterations: 60 });
    const { job_id: jobId } = await start(run);
    await yard.steps(run, 20);
    process.kill(yard.pid(jobId, 1), "SIGKILL");
    expect(await yard.ended(run)).toMatchObject({
      status: "failed",
      failure: { code: "KILLED", fix: expect.stringContaining("then resume-training") },
    });
    const manifest = join(yard.trainyard.home, project, "runs", run.run_id, "run-manifest.json");
    expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({
      status: "failed",
      stages: { 1: { status: "completed" }, 2: { status: "failed" } },
    });
    const checkpoints = join(yard.trainyard.home, "outputs", run.run_id, "stage2", "checkpoints");
    const counts = readdirSync(checkpoints)
      .map((name) => Number(name.split("-")[1]))
      .sort((a, b) => a - b);
    const newest = counts.at(-1) ?? 0;
    truncateSync(join(checkpoints, `checkpoint-${newest}`, "adapter_model.safetensors"), 100);

    const status = await resumed(jobId, 2);
    expect(status["attempts"][1].start_step).toBe(6 + (counts.at(-2) ?? 0));
    expect(await yard.ended(run)).toMatchObject({
      status: "completed",
      current_iteration: 66,
      current_stage: 2,
    });
  });

  it("names what a run ended of: layers that the model does not have, a model that is gone", async () => {
    const layers = await configure("layers", { target_modules: ["q_projection"] });
    await start(layers);
    expect(await yard.ended(layers)).toMatchObject({
      status: "failed",
      failure: { code: "CONFIG_INVALID" },
    });
    const { project: other } = await yard.tool("generate-fine-tuning-project", {
      project_name: "gone",
      base_model: { type: "llama", model_id: "tiny/no-such-model", quantization: "none" },
      training: { stage1_iterations: 2 },
    });
    const { run_id: runId } = await yard.tool("configure-training-run", {
      project_path: other,
      run_name: "gone",
      training_data: { train_dataset: "datasets/colours/train.jsonl" },
    });
    const gone = { project_path: other, run_id: runId };
    await start(gone);
    expect(await yard.ended(gone)).toMatchObject({
      status: "failed",
      failure: { code: expect.stringMatching(/^(?:MODEL_NOT_FOUND|NETWORK|HUB)/) },
    });
  });

  it("keeps a loss that is no number as one, and says so", async () => {
    const { project: spoilt } = await yard.tool("generate-fine-tuning-project", {
      project_name: "spoilt",
      base_model: {
        type: "llama",
        model_id: "tiny/llama",
        local_path: spoiltModel,
        quantization: "none",
      },
      training: { stage1_iterations: 4 },
    });
    const { run_id: runId } = await yard.tool("configure-training-run", {
      project_path: spoilt,
      run_name: "nan",
      training_data: { train_dataset: "datasets/colours/train.jsonl" },
    });
    const run = { project_path: spoilt, run_id: runId };
    const { job_id: jobId } = await start(run);
    const end = await yard.ended(run);

    expect(end["metrics"]).toMatchObject({ train_loss: "NaN" });
    const loss = await seriesOf(yard.trainyard, jobId, "loss");
    expect(loss.map(({ value }) => String(value))).toEqual(["NaN", "NaN", "NaN", "NaN"]);
    // Every step was made and the file is whole; what it learnt is in doubt.
    const status = await yard.tool("get-training-status", { job_id: jobId });
    expect(status).toMatchObject({ status: "completed", diagnosis: { category: "nan_loss" } });
  });

  it("trains one stage alone, and the second on the first one's adapters", async () => {
    const run = await configure("apart", { stage1_iterations: 5, stage2_iterations: 5 });
    expect(await yard.refusal("start-training", { ...run, stage: 2 })).toMatch(/MODEL_NOT_FOUND/);
    // It waits as long as a call may.
    expect(await start(run, { stage: 1, async_mode: false })).toMatchObject({ total_steps: 5 });
    expect(await yard.ended(run)).toMatchObject({ status: "completed", current_stage: 1 });
    expect(await start(run, { stage: 2 })).toMatchObject({
      total_steps: 5,
      estimated_duration_minutes: expect.any(Number),
    });
    expect(await yard.ended(run)).toMatchObject({
      status: "completed",
      current_stage: 2,
      current_iteration: 5,
    });
  });
});
