import { describe, expect, it } from "vitest";
import { tools } from "../../../shared/tools/registry.ts";
import { applySynonyms, synonymsOf } from "../../../shared/tools/synonyms.ts";

describe("applySynonyms", () => {
  it.each([
    ["start-training", { config: "a" }, { config_name: "a" }],
    ["start_training", { configName: "a", agentId: "box" }, { config_name: "a", agent: "box" }],
    ["get-config", { config_name: "a" }, { name: "a" }],
    ["get-training-status", { id: "job_1" }, { job_id: "job_1" }],
    ["get-training-status", { jobId: "job_1" }, { job_id: "job_1" }],
    ["get-training-status", { "job-id": "job_1" }, { job_id: "job_1" }],
    [
      "create-training-config",
      { lr: 1, prompts: [], dataset: "d", model: "m", batchSize: 2, isXL: true },
      {
        learning_rate: 1,
        test_prompts: [],
        dataset_path: "d",
        model_name: "m",
        batch_size: 2,
        is_xl: true,
      },
    ],
    ["upload-dataset", { name: "d", files: [] }, { dataset_name: "d", images: [] }],
    ["download-model", { model: "m" }, { model_name: "m" }],
    ["validate-training-config", { name: "a" }, { name: "a" }],
    ["validate_config", { name: "a" }, { config_name: "a" }],
    ["list-agents", { agent_id: "box", nonsenseKey: 1 }, { agent_id: "box", nonsenseKey: 1 }],
  ])("%s: %j becomes %j", (tool, given, expected) => {
    expect(applySynonyms(tool, given)).toEqual(expected);
  });

  it("takes both spellings with the same value, in any key order of the value", () => {
    const args = { config_name: "a", config: "a", name: null };

    expect(applySynonyms("start-training", args)).toEqual({ config_name: "a" });
  });

  it("refuses both spellings with different values", () => {
    expect(() => applySynonyms("create-training-config", { learning_rate: 1, lr: 2 })).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: "learning_rate and lr are the same parameter and have different values.",
        hint: "Give learning_rate only.",
      }),
    );
  });

  it("keeps __proto__ and constructor as plain keys", () => {
    const result = applySynonyms(
      "list-agents",
      JSON.parse('{"__proto__": {"detail": "full"}, "constructor": 1}'),
    );

    expect(Object.keys(result)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  });

  it("leaves its argument alone", () => {
    const args = Object.freeze({ lr: 1 });

    expect(applySynonyms("create-training-config", args)).not.toBe(args);
  });
});

describe("the table of synonyms", () => {
  it.each(tools.map((tool) => [tool.name, tool] as const))(
    "%s: names only parameters it has",
    (_, tool) => {
      for (const [synonym, name] of synonymsOf(tool.name)) {
        expect(Object.keys(tool.input.shape), synonym).toContain(name);
        expect(Object.keys(tool.input.shape)).not.toContain(synonym);
      }
    },
  );
});
