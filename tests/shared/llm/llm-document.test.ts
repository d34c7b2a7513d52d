import { describe, expect, it } from "vitest";
import { configFactsOf } from "../../../shared/analysis/run-facts.ts";
import { llmDocument, readLlmWork, stepsOf, withSteps } from "../../../shared/llm/llm-document.ts";
import type { LlmWork } from "../../../shared/llm/llm-document.ts";
import { projectConfigOf } from "../../../shared/llm/project-config.ts";
import {
  llmJobName,
  newRunId,
  parseProjectPath,
  parseRunName,
} from "../../../shared/llm/run-names.ts";
import { generateFineTuningProject } from "../../../shared/tools/generate-fine-tuning-project.ts";
import { readAiToolkitDocument } from "../../../shared/training/ai-toolkit-document.ts";

const config = projectConfigOf(
  generateFineTuningProject.input.parse({
    project_name: "p",
    base_model: { type: "llama", model_id: "meta-llama/Llama-3.2-1B" },
    training: { num_stages: 2, stage1_iterations: 20, stage2_iterations: 30, learning_rate: 1e-3 },
    lora: { rank: 4 },
  }),
  "none",
);
const work: LlmWork = {
  kind: "train",
  project: "projects/p",
  run_id: "a-20251118-101530",
  stage: null,
  config,
  data: { train: "datasets/d/train.jsonl", validation: null, test: null },
  test_dataset: null,
  export: null,
};

describe("the document of a run", () => {
  it("comes back as it was, and reads as any other document", () => {
    const document = llmDocument("a", work);

    expect(readLlmWork(JSON.parse(JSON.stringify(document)))).toEqual(work);
    expect(readAiToolkitDocument(document)).toMatchObject({
      trainer: "llm",
      jobName: "a",
      modelName: "meta-llama/Llama-3.2-1B",
      steps: 50,
      rank: 4,
      learningRate: 1e-3,
      datasets: [],
    });
    expect(configFactsOf(document)).toMatchObject({ steps: 50, rank: 4, batchSize: 4 });
  });

  it("is none of another trainer's, nor one with anything wrong in it", () => {
    expect(readLlmWork({ job: "extension", config: { process: [{ llm: work }] } })).toBeNull();
    expect(readLlmWork({ job: "llm" })).toBeNull();
    expect(
      readLlmWork({ job: "llm", config: { process: [{ llm: { ...work, kind: "rm" } }] } }),
    ).toBeNull();
  });

  it("is longer in its last stage when it is trained further", () => {
    const longer = withSteps(work, 80);

    expect(stepsOf(longer)).toBe(80);
    expect(longer.config.training.stage2?.iterations).toBe(60);
    expect(longer.config.training.stage1.iterations).toBe(20);
    expect(withSteps({ ...work, stage: 1 }, 25).config.training.stage1.iterations).toBe(25);
    expect(withSteps(work, null)).toBe(work);
  });
});

describe("names of runs", () => {
  it("carry when the run was made, in UTC", () => {
    expect(newRunId("health-v1", Date.UTC(2025, 10, 18, 10, 15, 30))).toBe(
      "health-v1-20251118-101530",
    );
    expect(() => parseRunName("x".repeat(49))).toThrow(/too long/);
    expect(() => parseRunName("a/b")).toThrow(/not a run name/);
  });

  it("make names of jobs that a folder can have", () => {
    const long = { ...work, run_id: `${"x".repeat(48)}-20251118-101530` };

    expect(llmJobName(work)).toBe("a-20251118-101530");
    expect(llmJobName({ ...work, stage: 2 })).toBe("a-20251118-101530-s2");
    expect(llmJobName({ ...long, kind: "evaluate", stage: 2 })).toHaveLength(64);
    expect(
      llmJobName({
        ...long,
        kind: "export",
        stage: 1,
        export: { format: "safetensors", merge_adapters: true, hf_repo_id: null },
      }),
    ).toMatch(/-s1-safetensors$/);
  });

  it.each([
    ["x", ["x"]],
    ["projects/x", ["x"]],
    ["./projects/team/x/", ["team", "x"]],
    ["/ai-toolkit/projects/x", ["x"]],
    ["", []],
    ["/srv/x", null],
    ["~/x", null],
  ])("reads the path %j", (path, segments) => {
    expect(parseProjectPath(path, "project_path")).toEqual(segments);
  });

  it.each(["../x", "a/../../x", "a\\b", "a b", ".hidden", "a/b/c/d/e/f/g"])(
    "refuses the path %j",
    (path) => {
      expect(() => parseProjectPath(path, "project_path")).toThrow();
    },
  );
});
