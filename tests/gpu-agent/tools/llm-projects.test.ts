import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Home } from "../../../gpu-agent/home.ts";
import { openBoxContext } from "../support/box-context.ts";
import type { BoxContext } from "../support/box-context.ts";
import { llmBox, projectTemplates } from "../support/llm-box.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

const python = spawnSync("python3", ["--version"]).status === 0;
const base = { type: "llama", model_id: "meta-llama/Llama-3.2-1B", quantization: "none" };
const rows = (count: number) =>
  Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      instruction: `q${n}`,
      output: `a${n}`,
      quality: n % 2 === 0 ? "high" : "low",
    }),
  ).join("\n");

/** A box with Python, and a dataset that was uploaded. */
function openYard(): BoxContext {
  const box = openBoxContext();
  Object.assign(box.context, { llm: llmBox(box.home) });
  const folder = join(box.home.datasets, "texts");
  mkdirSync(folder);
  writeFileSync(join(folder, "train.jsonl"), rows(20));
  writeFileSync(join(folder, "valid.jsonl"), rows(4));
  writeFileSync(join(folder, "wrong.jsonl"), '{"instruction": "x", "output": ""}\nno json\n');
  writeFileSync(join(folder, "rows.csv"), 'instruction,output\n"a, b",c\n');
  return box;
}

function policy(home: Home, value: Record<string, unknown>): void {
  writeFileSync(home.policy, JSON.stringify(value));
}

const generate = (box: BoxContext, more: Record<string, unknown> = {}) =>
  box.call("generate-fine-tuning-project", {
    project_name: "colours",
    base_model: base,
    dataset: { quality_field: "quality" },
    ...more,
  });
const configure = (more: Record<string, unknown> = {}) => ({
  project_path: "colours",
  run_name: "first",
  training_data: {
    train_dataset: "datasets/texts/train.jsonl",
    validation_dataset: "datasets/texts/valid.jsonl",
  },
  ...more,
});

describe("generate-fine-tuning-project", () => {
  it("writes the whole project, with a configuration that its own scripts read", async () => {
    const box = openYard();
    const made = await generate(box, {
      training: { num_stages: 2, stage2_learning_rate: 1e-7 },
      integrations: { mlflow_tracking_uri: "http://localhost:5000" },
    });

    expect(made).toMatchObject({ success: true, created: true, project: "projects/colours" });
    expect(made["project_path"]).toBe(join(box.home.projects, "colours"));
    const folder = made["project_path"];
    for (const path of [
      ...made["project_structure"].trainer_modules,
      ...made["project_structure"].scripts,
      "config/fine_tuning_config.yaml",
      "config/model_config.json",
      "requirements.txt",
      "README.md",
      "pyproject.toml",
      ".env.example",
      "data/raw/.gitkeep",
      "tests/test_dataset.py",
    ])
      expect(existsSync(join(folder, path))).toBe(true);
    const config = parse(readFileSync(join(folder, "config/fine_tuning_config.yaml"), "utf8"));
    expect(config.training.stage2).toMatchObject({ learning_rate: 1e-7, replay_ratio: 0.15 });
    expect(readFileSync(join(folder, "requirements.txt"), "utf8")).toMatch(/^mlflow>=/m);
    expect(made["warnings"]).toEqual(
      expect.arrayContaining([expect.stringContaining("Nothing is sent to mlflow")]),
    );
    expect(readdirSync(box.home.projects)).toEqual(["colours"]);
  });

  it("is the same call again without writing, and never writes over another", async () => {
    const box = openYard();
    await generate(box);
    const readme = join(box.home.projects, "colours", "README.md");
    writeFileSync(readme, "mine");

    expect(await generate(box)).toMatchObject({ created: false });
    expect(readFileSync(readme, "utf8")).toBe("mine");
    const other = await box.refusal("generate-fine-tuning-project", {
      project_name: "colours",
      base_model: base,
      lora: { rank: 64 },
    });
    expect(other.code).toBe("NAME_CONFLICT");
    expect(readdirSync(box.home.projects)).toEqual(["colours"]);
  });

  it("goes below projects, or into a folder that the policy names, and nowhere else", async () => {
    const box = openYard();
    const own = temporaryFolder();
    policy(box.home, { project_roots: [own] });

    expect(await generate(box, { output_dir: "./services/training" })).toMatchObject({
      project: "projects/services/training/colours",
    });
    expect(await generate(box, { output_dir: own })).toMatchObject({
      project: join(own, "colours"),
    });
    symlinkSync(temporaryFolder(), join(box.home.projects, "link"));
    for (const output_dir of ["/tmp", "../x", "~/x", "link", `${own}/../other`]) {
      const refusal = await box.refusal("generate-fine-tuning-project", {
        project_name: "colours",
        output_dir,
        base_model: base,
      });
      expect([output_dir, refusal.code]).toEqual([output_dir, "PATH_ESCAPE"]);
    }
  });
});

describe.skipIf(!python)("configure-training-run", () => {
  it("reads the datasets row by row and writes run and manifest", async () => {
    const box = openYard();
    await generate(box, { training: { num_stages: 2 } });
    const run = await box.call("configure-training-run", {
      ...configure(),
      override_params: { stage1_iterations: 10, batch_size: 2 },
    });

    expect(run["run_id"]).toMatch(/^first-\d{8}-\d{6}$/);
    expect(run["configuration_summary"]).toMatchObject({
      project: "projects/colours",
      stages: [
        { stage: 1, iterations: 10, batch_size: 2, epochs: 1 },
        { stage: 2, iterations: 150, learning_rate: 1e-6 },
      ],
      quality_weighting: 2.5,
      datasets: { train: { rows: 20, high_quality_rows: 10 }, validation: { rows: 4 } },
    });
    expect(JSON.parse(readFileSync(run["manifest_path"], "utf8"))).toMatchObject({
      manifest_version: "2.0",
      run_id: run["run_id"],
      status: "not_started",
      training_data: { train: { rows: 20, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } },
      stages: { 1: { adapters: null }, 2: { adapters: null } },
    });
    expect(readdirSync(join(run["run_directory"], ".."))).toEqual([".gitkeep", run["run_id"]]);
  });

  it("takes datasets of the project, and refuses what cannot be trained on, by its rows", async () => {
    const box = openYard();
    await generate(box);
    const raw = join(box.home.projects, "colours", "data", "raw");
    writeFileSync(join(raw, "own.jsonl"), rows(12));
    const refused = (train_dataset: string, more: Record<string, unknown> = {}) =>
      box.refusal("configure-training-run", {
        ...configure(),
        training_data: { train_dataset },
        ...more,
      });

    expect(
      await box.call("configure-training-run", {
        ...configure(),
        training_data: { train_dataset: "data/raw/own.jsonl" },
      }),
    ).toMatchObject({ warnings: [expect.stringContaining("no validation dataset")] });
    const wrong = await refused("datasets/texts/wrong.jsonl");
    expect(wrong.code).toBe("DATASET_INVALID");
    expect(wrong.details?.["problem"]).toMatch(/2 rows.*row 1: output is missing.*row 2: no JSON/);
    expect((await refused("datasets/texts/rows.csv")).code).toBe("INVALID_ARGUMENT");
    expect((await refused("datasets/texts/none.jsonl")).code).toBe("DATASET_NOT_FOUND");
    expect((await refused("/etc/passwd")).code).toBe("PATH_ESCAPE");
    expect((await refused("../../policy.json")).code).toBe("PATH_ESCAPE");
    symlinkSync("/etc/passwd", join(raw, "link.jsonl"));
    expect((await refused("data/raw/link.jsonl")).code).toBe("PATH_ESCAPE");
    expect((await refused("datasets/texts/train.jsonl", { project_path: "nowhere" })).code).toBe(
      "PROJECT_NOT_FOUND",
    );
    expect(
      (await refused("datasets/texts/train.jsonl", { override_params: { rank: 0 } })).code,
    ).toBe("INVALID_ARGUMENT");
  });

  it("says what a person's own edit of the configuration broke", async () => {
    const box = openYard();
    await generate(box);
    const path = join(box.home.projects, "colours", "config", "fine_tuning_config.yaml");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace("rank: 8", "rank: many"));

    const refusal = await box.refusal("configure-training-run", configure());
    expect(refusal).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("lora.rank"),
    });
  });
});

it.skipIf(!python)("the project's own tests pass with the standard library alone", () => {
  const printed = execFileSync(
    "python3",
    ["-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."],
    { cwd: projectTemplates, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
  );

  expect(printed).toBe("");
});
