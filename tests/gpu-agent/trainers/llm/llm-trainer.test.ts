import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { AppError } from "@trainyard/shared/errors.ts";
import { llmDocument } from "@trainyard/shared/llm/llm-document.ts";
import type { LlmWork } from "@trainyard/shared/llm/llm-document.ts";
import { projectConfigSchema } from "@trainyard/shared/llm/project-config.ts";
import { attemptFiles } from "../../../../gpu-agent/home.ts";
import { createLlmTrainer } from "../../../../gpu-agent/trainers/llm/llm-trainer.ts";
import { llmOutputs } from "../../../../gpu-agent/trainers/llm/llm-output.ts";
import { safetensors as withPayload } from "../../../support/safetensors.ts";
import { openBoxContext } from "../../support/box-context.ts";
import { llmBox } from "../../support/llm-box.ts";
import { temporaryFolder } from "../../support/temporary-home.ts";

const safetensors = (): Buffer => withPayload(new Uint8Array(16));

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** A box with a run of a project, and the trainer of that box. */
async function openRun(
  found: Parameters<typeof llmBox>[1] = {},
  more: Record<string, unknown> = {},
) {
  const box = openBoxContext();
  const llm = llmBox(box.home, found);
  Object.assign(box.context, { llm });
  put(join(box.home.datasets, "d", "train.jsonl"), '{"instruction": "a", "output": "b"}\n');
  await box.call("generate-fine-tuning-project", {
    project_name: "p",
    base_model: { type: "llama", model_id: "a/b", quantization: "none" },
    training: { num_stages: 2, stage1_iterations: 4, stage2_iterations: 6 },
    ...more,
  });
  const run = await box.call("configure-training-run", {
    project_path: "p",
    run_name: "r",
    training_data: { train_dataset: "datasets/d/train.jsonl" },
  });
  const kept = JSON.parse(readFileSync(join(run["run_directory"], "run-config.json"), "utf8"));
  const work: LlmWork = {
    kind: "train",
    project: "projects/p",
    run_id: run["run_id"],
    stage: null,
    config: projectConfigSchema.parse(kept.config),
    data: kept.references,
    test_dataset: null,
    export: null,
  };
  const trainer = createLlmTrainer({ home: box.home, llm });
  const jobId = "job_0123456789abcdefghjkmnpqrs";
  const prepare = (change: Partial<LlmWork> = {}, totalSteps: number | null = null) =>
    trainer.prepare({
      jobId,
      attempt: 1,
      document: llmDocument("out", { ...work, ...change }),
      slot: "cpu",
      totalSteps,
      home: box.home,
      files: attemptFiles(box.home, jobId, 1),
      outputName: "out",
    });
  const refusal = async (change: Partial<LlmWork>): Promise<AppError> => {
    const outcome = await prepare(change).catch((error: unknown) => error);
    if (outcome instanceof AppError) return outcome;
    throw new Error("not refused");
  };
  return { box, work, run, prepare, refusal, trainer };
}

describe("prepare", () => {
  it("runs the project's own script, with this box's paths and nothing of the agent's secrets", async () => {
    const { box, prepare, work } = await openRun();
    const training = await prepare();

    expect(training).toMatchObject({
      args: ["scripts/train.py", "--job", expect.stringContaining("config.json")],
      cwd: join(box.home.projects, "p"),
      inherits: ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"],
      metricsDatabase: null,
      jobTable: { requests: ["save", "stop"] },
      environment: { CUDA_VISIBLE_DEVICES: "" },
    });
    expect(JSON.parse(training.configText)).toMatchObject({
      run_id: work.run_id,
      name: "out",
      output_dir: join(box.home.outputs, "out"),
      stage: null,
      data: { train: join(box.home.datasets, "d", "train.jsonl"), validation: null },
      config: { training: { stage2: { iterations: 6 } } },
    });
  });

  it("trains a run further in its last stage", async () => {
    const { prepare } = await openRun();

    expect(JSON.parse((await prepare({}, 25)).configText).config.training).toMatchObject({
      stage1: { iterations: 4 },
      stage2: { iterations: 21 },
    });
  });

  it("refuses quantization without CUDA or its library, and takes it with both", async () => {
    const base_model = (work: LlmWork) => ({
      config: {
        ...work.config,
        base_model: { ...work.config.base_model, quantization: "q4" as const },
      },
    });
    for (const [found, words] of [
      [{}, "q4 needs CUDA"],
      [{ cuda: true }, "q4 needs bitsandbytes"],
    ] as const) {
      const { refusal, work } = await openRun(found);
      expect(await refusal(base_model(work))).toMatchObject({
        code: "NOT_SUPPORTED",
        message: expect.stringContaining(words),
      });
    }
    const { prepare, work } = await openRun({ cuda: true, bitsandbytes: true });
    await expect(prepare(base_model(work))).resolves.toBeDefined();
  });

  it("refuses what a Python without the libraries cannot do, with its own last line", async () => {
    const { refusal, trainer } = await openRun({
      problem: "ModuleNotFoundError: No module named 'peft'",
    });

    expect(await refusal({})).toMatchObject({
      code: "TRAINER_NOT_FOUND",
      details: { reason: "ModuleNotFoundError: No module named 'peft'" },
    });
    expect(await trainer.detect()).toMatchObject({
      found: false,
      reason: expect.stringContaining("No module named 'peft'"),
    });
  });

  it("takes stage 1's adapters only whole, and only from folders of the box", async () => {
    const { box, run, prepare, refusal } = await openRun();
    const manifest = JSON.parse(readFileSync(run["manifest_path"], "utf8"));
    const name = (folder: string): void =>
      writeFileSync(
        run["manifest_path"],
        JSON.stringify({ ...manifest, stages: { 1: { adapters: folder } } }),
      );
    const inside = join(box.home.outputs, "first", "stage1", "adapters");
    const outside = temporaryFolder();
    put(join(outside, "adapter_model.safetensors"), safetensors());

    expect(await refusal({ stage: 2 })).toMatchObject({ code: "MODEL_NOT_FOUND" });
    name(outside);
    expect(await refusal({ stage: 2 })).toMatchObject({ code: "MODEL_NOT_FOUND" });
    put(join(inside, "adapter_model.safetensors"), safetensors().subarray(0, -1));
    name(inside);
    expect(await refusal({ stage: 2 })).toMatchObject({ code: "MODEL_NOT_FOUND" });
    put(join(inside, "adapter_model.safetensors"), safetensors());
    expect(JSON.parse((await prepare({ stage: 2 })).configText)).toMatchObject({
      stage1_adapters: inside,
    });
  });

  it("loads a local model from the policy's folders alone, and sends nothing where that is not allowed", async () => {
    const model = temporaryFolder();
    const { box, prepare, refusal, work } = await openRun(
      {},
      {
        base_model: { type: "llama", model_id: "a/b", local_path: model, quantization: "none" },
        integrations: { mlflow_tracking_uri: "http://localhost:5000", wandb_project: "w" },
        features: { enable_huggingface_upload: true },
      },
    );
    const upload = {
      kind: "export" as const,
      stage: 1 as const,
      export: { format: "huggingface" as const, merge_adapters: true, hf_repo_id: "me/x" },
    };

    expect(await refusal({})).toMatchObject({ code: "MODEL_NOT_FOUND" });
    expect(await refusal(upload)).toMatchObject({ code: "POLICY_DENIED" });
    writeFileSync(box.home.policy, JSON.stringify({ model_roots: [model], outbound: ["mlflow"] }));
    expect(JSON.parse((await prepare()).configText).config).toMatchObject({
      base_model: { local_path: model },
      mlflow: { enabled: true },
      wandb: { enabled: false },
    });
    expect(work.config.mlflow.enabled).toBe(true);
  });

  it.each([
    [{ format: "gguf", merge_adapters: true }, "NOT_SUPPORTED"],
    [{ format: "mlx", merge_adapters: true }, "NOT_SUPPORTED"],
    [{ format: "gguf", merge_adapters: false }, "INVALID_ARGUMENT"],
  ] as const)("refuses the export %j", async (wanted, code) => {
    const { refusal } = await openRun();

    expect(
      await refusal({ kind: "export", stage: 1, export: { ...wanted, hf_repo_id: null } }),
    ).toMatchObject({ code });
  });
});

describe("what a job leaves", () => {
  const state = ["trainer_state.json", "optimizer.pt", "scheduler.pt"];
  const checkpoint = (folder: string, bytes = safetensors()): void => {
    put(join(folder, "adapter_model.safetensors"), bytes);
    for (const name of state) put(join(folder, name), "{}");
  };

  it("has MLX's checkpoints too: their optimizer is one file, which has to be whole", () => {
    const out = temporaryFolder();
    put(
      join(out, "stages.json"),
      JSON.stringify({ stages: [{ stage: 1, offset: 0, iterations: 9 }] }),
    );
    for (const [step, optimizer] of [
      [3, safetensors()],
      [6, safetensors().subarray(0, -1)],
    ] as const) {
      const folder = join(out, "stage1", "checkpoints", `checkpoint-${step}`);
      put(join(folder, "adapter_model.safetensors"), safetensors());
      put(join(folder, "optimizer.safetensors"), optimizer);
      put(join(folder, "trainer_state.json"), "{}");
    }

    expect(llmOutputs(out).map(({ step, valid }) => [step, valid])).toEqual([
      [3, true],
      [6, false],
    ]);
  });

  it("has checkpoints with the steps of the whole job, valid when they can be resumed from", () => {
    const out = temporaryFolder();
    put(
      join(out, "stages.json"),
      JSON.stringify({
        stages: [
          { stage: 1, offset: 0, iterations: 20 },
          { stage: 2, offset: 20, iterations: 30 },
        ],
      }),
    );
    checkpoint(join(out, "stage1/checkpoints/checkpoint-20"));
    checkpoint(join(out, "stage2/checkpoints/checkpoint-10"));
    checkpoint(join(out, "stage2/checkpoints/checkpoint-20"), safetensors().subarray(0, -1));
    put(join(out, "stage2/checkpoints/checkpoint-30/adapter_model.safetensors"), safetensors());
    put(join(out, "final-model/adapter_model.safetensors"), safetensors());
    put(join(out, "final-model/adapter_config.json"), "{}");

    expect(
      llmOutputs(out).map(({ name, step, final, valid }) => [name, step, final, valid]),
    ).toEqual([
      ["stage1/checkpoints/checkpoint-20", 20, false, true],
      ["stage2/checkpoints/checkpoint-10", 30, false, true],
      ["stage2/checkpoints/checkpoint-20", 40, false, false],
      ["stage2/checkpoints/checkpoint-30", 50, false, false],
      ["final-model", null, true, true],
    ]);
    // The last part is what a download gives.
    expect(llmOutputs(out).at(-1)?.parts).toEqual([
      "final-model/adapter_config.json",
      "final-model/adapter_model.safetensors",
    ]);
  });

  it("has an exported model, whole when every file has its length", () => {
    const out = temporaryFolder();
    const weights = safetensors();
    put(join(out, "model/model.safetensors"), weights);
    put(join(out, "model/tokenizer.json"), "x".repeat(10_000));
    put(
      join(out, "export.json"),
      JSON.stringify({
        files: [
          { name: "model.safetensors", bytes: weights.byteLength },
          { name: "tokenizer.json", bytes: 10_000 },
        ],
      }),
    );

    expect(llmOutputs(out)).toMatchObject([
      {
        name: "model",
        valid: true,
        final: true,
        parts: ["model/tokenizer.json", "model/model.safetensors"],
      },
    ]);
    writeFileSync(join(out, "model/tokenizer.json"), "x");
    expect(llmOutputs(out)).toMatchObject([{ valid: false }]);
  });

  it("has an evaluation, whole when it can be read", () => {
    const out = temporaryFolder();
    put(join(out, "evaluation.json"), '{"accuracy": 0.5}');
    expect(llmOutputs(out)).toMatchObject([{ name: "evaluation.json", valid: true, final: true }]);
    writeFileSync(join(out, "evaluation.json"), '{"accuracy"');
    expect(llmOutputs(out)).toMatchObject([{ valid: false }]);
  });
});

describe("the manifest of a run", () => {
  const stage = (status: string) => ({ status, iterations: 4, adapters: null });

  it.each([
    ["failed", "killed while it trained", "running", "running", "failed"],
    ["failed", "killed while a resume loaded", "stopped", "stopped", "stopped"],
    ["failed", "a model that cannot be loaded", "failed", "running", "failed"],
    ["interrupted", "the box was restarted", "running", "running", "interrupted"],
    ["completed", "all was done", "completed", "completed", "completed"],
  ] as const)("gets the job's end: %s, %s", async (state, _why, status, second, settled) => {
    const { prepare, run, trainer } = await openRun();
    const training = await prepare();
    const path = join(run["run_directory"], "run-manifest.json");
    const kept = JSON.parse(readFileSync(path, "utf8"));
    put(
      path,
      JSON.stringify({
        ...kept,
        status,
        exports: [{ path: "x" }],
        stages: { 1: stage("completed"), 2: stage(second) },
      }),
    );

    trainer.settle?.(training, state);

    const { stages, ...manifest } = JSON.parse(readFileSync(path, "utf8"));
    expect({ ...manifest, stages: null }).toEqual({
      ...kept,
      status: state,
      exports: [{ path: "x" }],
      stages: null,
    });
    expect(stages).toEqual({ 1: stage("completed"), 2: stage(settled) });
    trainer.settle?.({ ...training, args: ["scripts/export.py"] }, "stopped");
    expect(JSON.parse(readFileSync(path, "utf8")).status).toBe(state);
  });

  it("stays what it is where it leads elsewhere or is gone", async () => {
    const { prepare, run, trainer } = await openRun();
    const training = await prepare();
    const path = join(run["run_directory"], "run-manifest.json");
    const other = join(temporaryFolder(), "other.json");
    put(other, readFileSync(path, "utf8"));
    rmSync(path);
    expect(() => trainer.settle?.(training, "failed")).toThrow(AppError);
    symlinkSync(other, path);
    expect(() => trainer.settle?.(training, "failed")).toThrow(AppError);
    expect(JSON.parse(readFileSync(other, "utf8")).status).toBe("not_started");
  });
});
