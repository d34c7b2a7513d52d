import { limits } from "@trainyard/shared/limits.ts";
import { describe, expect, it } from "vitest";
import { connectAgent, silence } from "../support/scripted-agent.ts";
import type { Script } from "../support/scripted-agent.ts";
import { createYard } from "../support/yard.ts";

const box: Script = {
  tool: ({ tool }) => ({
    data: {
      [tool === "list-datasets" ? "datasets" : "models"]: [],
      count: tool === "list-datasets" ? 3 : 7,
      truncated: false,
    },
    text: "x",
  }),
};

describe("get-training-info", () => {
  it("with a config's name says what that config trains", async () => {
    const yard = await createYard();
    await yard.call("create-training-config", {
      name: "zxq",
      model_name: "ostris/Flex.1-alpha",
      dataset_path: "cats",
      trigger_word: "zxq",
      test_prompts: ["zxq in snow", "zxq by the sea"],
      steps: 1_500,
      rank: 24,
      resolution: [768, 1024],
    });
    for (const args of [{ name: "zxq" }, { config_name: "config/zxq.yaml" }]) {
      expect((await yard.call("get_training_info", args)).data).toEqual({
        about: "config",
        name: "zxq",
        trainer: "ai-toolkit",
        trigger_word: "zxq",
        model_name: "ostris/Flex.1-alpha",
        dataset_path: "datasets/cats",
        resolution: [768, 1024],
        steps: 1_500,
        rank: 24,
        alpha: 24,
        learning_rate: 0.0002,
        test_prompts: ["zxq in snow", "zxq by the sea"],
      });
    }
    const { status, error } = await yard.call("get-training-info", { name: "none" });
    expect([status, error?.code]).toEqual([404, "CONFIG_NOT_FOUND"]);
  });

  it("without one gives totals and what can be trained, also when the box is off", async () => {
    const yard = await createYard();
    const agent = await connectAgent(yard, box);
    await yard.call("create-training-config", {
      name: "a",
      model_name: "tiny",
      dataset_path: "cats",
    });
    await yard.call("start-training", { config_name: "a" });
    const { data } = await yard.call("get-training-info");
    await agent.close();
    const off = await yard.call("get-training-info");

    expect(data).toMatchObject({
      about: "overview",
      total_jobs: 1,
      active_jobs: 1,
      configs: 1,
      datasets: 3,
      models: 7,
      max_resolution: 2_048,
      gpu_info: [{ index: 0, name: "RTX 4090", memory_total_mb: 24_564 }],
    });
    expect(data["supported_models"]).toContain("black-forest-labs/FLUX.1-dev");
    expect(data["training_presets"]).toContain("zimage:turbo");
    expect(off.data).toMatchObject({ datasets: 3, models: 7 });
  });

  it("is an answer before any box ever came, and when one is silent", async () => {
    const empty = await createYard();
    const silent = await createYard();
    await connectAgent(silent, { tool: () => silence });

    expect((await empty.call("get-training-info")).data).toMatchObject({
      total_jobs: 0,
      configs: 0,
      datasets: null,
      models: null,
      gpu_info: [],
    });
    expect((await silent.call("get-training-info")).data).toMatchObject({ datasets: null });
  });

  it("is short at MCP in both meanings", async () => {
    const yard = await createYard();
    await yard.call("create-training-config", {
      name: "long",
      model_name: "tiny",
      dataset_path: "cats",
      test_prompts: Array.from({ length: 60 }, (_, at) => `prompt ${at} ${"of words ".repeat(30)}`),
    });
    for (const args of [{}, { name: "long" }]) {
      const answer = await yard.mcp("get-training-info", args);
      const size = JSON.stringify(answer.data).length + answer.text.length;
      expect(size).toBeLessThanOrEqual(limits.conciseCharacters);
    }
  });
});
