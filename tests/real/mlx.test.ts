import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { projectConfigOf } from "@trainyard/shared/llm/project-config.ts";
import { generateFineTuningProject } from "@trainyard/shared/tools/generate-fine-tuning-project.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectFiles } from "../../gpu-agent/projects/project-files.ts";
import { llmOutputs } from "../../gpu-agent/trainers/llm/llm-output.ts";
import { colours, makeTinyModel, python, tinyModel } from "./llm-yard.ts";

const mlxPython = process.env["TRAINYARD_MLX_PYTHON"] || null;
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

if (mlxPython === null || python === null) {
  console.log(
    "skipped: MLX. Set TRAINYARD_MLX_PYTHON to a Python with mlx (on Linux mlx[cpu]), mlx-lm and tqdm, and TRAINYARD_LLM_PYTHON.",
  );
}

describe.skipIf(mlxPython === null || python === null)("MLX on whatever this machine is", () => {
  const project = join(tmpdir(), `trainyard-mlx-${process.pid}`);
  const run = (by: string | null, args: string[]): string =>
    execFileSync(by ?? "", args, {
      cwd: project,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  const configure = (name: string): string =>
    run(mlxPython, ["scripts/configure_run.py", name]).trim();
  const train = (runId: string, ...more: string[]): string =>
    run(mlxPython, [here("mlx-run.py"), project, runId, ...more]);
  const losses = (printed: string): number[] =>
    [...printed.matchAll(/^\{'loss': ([^,]+),/gm)].map((match) => Number(match[1]));

  beforeAll(async () => {
    if (mlxPython === null || python === null) return;
    makeTinyModel(python);
    const wish = generateFineTuningProject.input.parse({
      project_name: "mlx",
      base_model: { type: "llama", model_id: "tiny/llama", local_path: tinyModel },
      training: {
        num_stages: 2,
        stage1_iterations: 12,
        stage2_iterations: 8,
        learning_rate: 5e-3,
        stage2_learning_rate: 1e-3,
      },
      dataset: { quality_field: "quality" },
    });
    const files = new Map(
      await projectFiles(here("../../gpu-agent/llm-project"), projectConfigOf(wish, "none")),
    );
    files.set("data/processed/train.jsonl", colours(48));
    files.set("data/processed/valid.jsonl", colours(8));
    for (const [name, content] of files) {
      mkdirSync(dirname(join(project, name)), { recursive: true });
      writeFileSync(join(project, name), content);
    }
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it("goes on after a stop as if there had been none", () => {
    const straight = losses(train(configure("straight")));
    const stopped = configure("stopped");
    const first = train(stopped, "15");
    const second = train(stopped);

    expect(first).toContain("Job stopped");
    expect(second).toContain("Resuming from checkpoint-3 at step 15");
    expect(straight).toHaveLength(20);
    const both = [...losses(first), ...losses(second)];
    expect(both).toHaveLength(20);
    both.forEach((loss, step) => expect(loss).toBeCloseTo(straight[step] ?? Number.NaN, 5));
  });

  it("leaves adapters that peft predicts with as MLX does, and checkpoints that the box takes for whole", () => {
    const runId = configure("peft");
    const held = /'eval_loss': ([\d.]+).*'step': 20\}/.exec(train(runId))?.[1];
    run(python, [
      "scripts/evaluate.py",
      "--run-id",
      runId,
      "--test-data",
      "data/processed/valid.jsonl",
    ]);

    const folder = join(project, "runs", runId);
    const { loss } = JSON.parse(
      readFileSync(join(folder, "stage2", "evaluation", "evaluation.json"), "utf8"),
    ) as { loss: number };
    console.log(`held-out loss: MLX ${held}, peft ${loss}`);
    expect(loss).toBeCloseTo(Number(held), 4);
    expect(llmOutputs(folder).map(({ step, valid, final }) => ({ step, valid, final }))).toEqual([
      { step: 12, valid: true, final: false },
      { step: 20, valid: true, final: false },
      { step: null, valid: true, final: true },
    ]);
  });
});
