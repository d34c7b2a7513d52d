import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAiToolkitDocument } from "../../../shared/training/ai-toolkit-document.ts";
import { familyOfArch, familyOfModelName } from "../../../shared/training/families.ts";
import { presetOfArch } from "../../../shared/training/presets/model-presets.ts";
import { trainingConfigFromArguments } from "../../../shared/training/training-config.ts";
import { validateDocument } from "../../../shared/training/validate.ts";
import { toAiToolkitDocument } from "../../../shared/training/write-ai-toolkit-document.ts";

const required = {
  name: "my-lora",
  model_name: "ostris/Flex.1-alpha",
  dataset_path: "/ai-toolkit/datasets/cats",
};

describe("families", () => {
  it.each([
    ["ostris/Flex.1-alpha", "flex1"],
    ["black-forest-labs/FLUX.1-dev", "flux"],
    ["flux1-dev-fp8", "flux"],
    ["black-forest-labs/FLUX.2-dev", null],
    ["ostris/Flex.2-preview", null],
    ["stabilityai/stable-diffusion-xl-base-1.0", "sdxl"],
    ["my_sdxl_v3", "sdxl"],
    ["some/model-XL", "sdxl"],
    ["stabilityai/stable-diffusion-3.5-large", "sd3"],
    ["sd3.5", "sd3"],
    ["runwayml/stable-diffusion-v1-5", "sd15"],
    ["sd15-mix", "sd15"],
    ["tiny", "tiny"],
    ["tiny-sd", null],
    ["flexible-model", null],
    ["Qwen/Qwen-Image", null],
    ["juggernautXL_v9.safetensors", "sdxl"],
    ["animagine-xl-3.1", "sdxl"],
  ])("%s is of the family %s", (name, family) => {
    expect(familyOfModelName(name)).toBe(family);
  });

  it("knows an arch with its preset and no arch of another kind", () => {
    expect(familyOfArch("sdxl:x")).toBe("sdxl");
    expect(familyOfArch("constructor")).toBeNull();
    expect(familyOfArch(null)).toBeNull();
  });
});

describe("trainingConfigFromArguments", () => {
  it("fills in the defaults of the field", () => {
    expect(trainingConfigFromArguments(required)).toEqual({
      name: "my-lora",
      trainer: "ai-toolkit",
      modelName: "ostris/Flex.1-alpha",
      preset: presetOfArch("flex1"),
      datasetName: "cats",
      controlNames: [],
      resolution: [512],
      sampleSize: 1024,
      batchSize: 1,
      learningRate: 2e-4,
      steps: 1000,
      rank: 16,
      alpha: 16,
      lowVram: true,
      triggerWord: null,
      testPrompts: [],
      disableSampling: false,
      sampleEvery: 250,
      saveEvery: 250,
      optimizer: "adamw8bit",
      noiseScheduler: "flowmatch",
      quantize: true,
      quantizeTextEncoder: true,
      gradientCheckpointing: true,
      cacheLatents: false,
      captionDropoutRate: 0.05,
      seed: 42,
      useWandb: false,
    });
  });

  it("fills in what suits the tiny trainer", () => {
    expect(
      trainingConfigFromArguments({ ...required, model_name: "tiny", steps: 200 }),
    ).toMatchObject({
      trainer: "tiny",
      preset: { arch: "tiny" },
      resolution: [64],
      sampleSize: 64,
      batchSize: 1,
      learningRate: 1e-4,
      rank: 32,
      sampleEvery: 40,
      saveEvery: 40,
    });
  });

  it.each([
    [{ steps: 5_000 }, { saveEvery: 500, sampleEvery: 500 }],
    [{ rank: 32 }, { rank: 32, alpha: 32 }],
    [{ resolution: [512, 768] }, { resolution: [512, 768] }],
    [{ resolution: 768 }, { resolution: [768] }],
    [{ resolution: [] }, { resolution: [512] }],
    [{ trigger_word: " zxq " }, { triggerWord: "zxq", testPrompts: ["zxq"] }],
    [
      { model_name: "my-mix", is_xl: true },
      { preset: { arch: "sdxl" }, noiseScheduler: "ddpm" },
    ],
    [{ model_name: "my-mix", arch: "zimage:turbo" }, { preset: { key: "zimage:turbo" } }],
    [
      { model_name: "my-mix", arch: "cogview4" },
      { preset: { arch: "cogview4" }, quantize: false },
    ],
    [
      { model_name: "FLUX.1-schnell" },
      {
        modelName: "black-forest-labs/FLUX.1-schnell",
        preset: { key: "flux:schnell", arch: "flux" },
      },
    ],
    [{ model_name: "NucleusAI/Nucleus-Image" }, { rank: 128, alpha: 128 }],
    [
      { model_name: "NucleusAI/Nucleus-Image", rank: 16 },
      { rank: 16, alpha: 16 },
    ],
    [{ model_name: "HiDream-ai/HiDream-E1-1" }, { learningRate: 1e-4 }],
    [{ model_name: "Lightricks/LTX-2.3" }, { cacheLatents: true, sampleSize: 768 }],
    [{ quantize: false }, { quantize: false, quantizeTextEncoder: false }],
    [{ model_name: "my-mix", is_v3: true }, { preset: { arch: "sd3" } }],
    [{ is_flux: true }, { preset: { arch: "flex1" } }],
    [{ model_name: "my-mix" }, { preset: { arch: "sd15" }, quantize: false }],
    [{ model_name: "Qwen/Qwen-Image" }, { preset: { arch: "qwen_image" } }],
  ])("%j gives %j", (given, expected) => {
    expect(trainingConfigFromArguments({ ...required, ...given })).toMatchObject(expected);
  });

  it.each([
    [{ name: "../x" }, /not a config name/],
    [{ dataset_path: "../../etc" }, /is not a dataset/],
  ])("refuses %j", (given, message) => {
    expect(() => trainingConfigFromArguments({ ...required, ...given })).toThrow(message);
  });
});

describe("toAiToolkitDocument", () => {
  it("writes the shape the toolkit's own UI writes", () => {
    const document = toAiToolkitDocument(
      trainingConfigFromArguments({ ...required, trigger_word: "zxq", use_wandb: true }),
    );

    expect(document).toMatchObject({
      job: "extension",
      meta: { name: "[name]", version: "1.0" },
      config: {
        name: "my-lora",
        process: [
          {
            type: "diffusion_trainer",
            training_folder: "outputs",
            device: "cuda",
            trigger_word: "zxq",
            performance_log_every: 10,
            network: { type: "lora", linear: 16, linear_alpha: 16, conv: 8, conv_alpha: 8 },
            save: { dtype: "bf16", save_every: 250, max_step_saves_to_keep: 4, push_to_hub: false },
            datasets: [{ folder_path: "datasets/cats", caption_ext: "txt", resolution: [512] }],
            logging: {
              log_every: 1,
              use_ui_logger: true,
              use_wandb: true,
              project_name: "lora-training-my-lora",
            },
            model: {
              name_or_path: "ostris/Flex.1-alpha",
              arch: "flex1",
              quantize: true,
              low_vram: true,
            },
            sample: { samples: [{ prompt: "zxq" }], width: 1024, walk_seed: true },
          },
        ],
      },
    });
  });

  it("gives an edit model the keys that it reads its control images by", () => {
    const datasetOf = (model_name: string, control_path?: string | string[]) => {
      const config = trainingConfigFromArguments({
        ...required,
        model_name,
        ...(control_path === undefined ? {} : { control_path }),
      });
      const { config: inside } = toAiToolkitDocument(config) as any;
      return Object.fromEntries(
        Object.entries(inside.process[0].datasets[0]).filter(([key]) => key.startsWith("control_")),
      );
    };

    expect(datasetOf("Qwen/Qwen-Image-Edit", "before")).toEqual({
      control_path: "datasets/before",
    });
    expect(datasetOf("Qwen/Qwen-Image-Edit-2509", ["a", "datasets/b"])).toEqual({
      control_path_1: "datasets/a",
      control_path_2: "datasets/b",
      control_path_3: null,
    });
    expect(datasetOf("Qwen/Qwen-Image")).toEqual({});
  });

  it("matches the sampler to another scheduler than the model's own", () => {
    const sampler = (noise_scheduler?: string) =>
      (toAiToolkitDocument(trainingConfigFromArguments({ ...required, noise_scheduler })) as any)
        .config.process[0].sample.sampler;

    expect([sampler(), sampler("ddpm")]).toEqual(["flowmatch", "ddpm"]);
  });

  it.each([
    ["tiny", "tiny"],
    ["ostris/Flex.1-alpha", "flex1"],
    ["black-forest-labs/FLUX.1-dev", "flux"],
    ["stabilityai/stable-diffusion-xl-base-1.0", "sdxl"],
    ["stabilityai/stable-diffusion-3.5-large", "sd3"],
    ["stable-diffusion-v1-5/stable-diffusion-v1-5", "sd15"],
  ])("%s goes round: created, valid, read back with arch %s", (model_name, arch) => {
    const config = trainingConfigFromArguments({
      ...required,
      model_name,
      resolution: 768,
      steps: 1500,
      trigger_word: "zxq",
      test_prompts: ["a zxq cat", "zxq on a bike"],
    });
    const document = JSON.parse(JSON.stringify(toAiToolkitDocument(config))) as unknown;

    expect(validateDocument(document)).toMatchObject({ valid: true, errors: [], warnings: [] });
    expect(readAiToolkitDocument(document)).toEqual({
      jobName: config.name,
      trainer: config.trainer,
      datasets: ["datasets/cats"],
      modelName: model_name,
      arch,
      steps: config.steps,
      batchSize: config.batchSize,
      learningRate: config.learningRate,
      rank: config.rank,
      alpha: config.alpha,
      resolution: [768],
      lowVram: config.lowVram,
      triggerWord: "zxq",
      prompts: config.testPrompts,
      saveEvery: config.saveEvery,
      sampleEvery: config.sampleEvery,
      disableSampling: false,
      optimizer: config.optimizer,
      seed: 42,
      sampleWidth: config.sampleSize,
      sampleHeight: config.sampleSize,
    });
  });
});

describe("readAiToolkitDocument", () => {
  it("reads older forms: switches, prompts, rank, dataset_path, no job, no type", () => {
    expect(
      readAiToolkitDocument({
        name: "old",
        process: [
          {
            network: { rank: 8, alpha: 4 },
            datasets: [
              { path: "a", resolution: 512 },
              { folder_path: "b", dataset_path: "c", resolution: [768, 512] },
            ],
            train: { steps: 10, learning_rate: 1e-4 },
            model: { name_or_path: "some/thing", is_xl: true },
            sample: { prompts: ["x", 3] },
          },
          { datasets: [{ folder_path: "d" }] },
        ],
      }),
    ).toMatchObject({
      jobName: "old",
      datasets: ["a", "c", "d"],
      arch: "sdxl",
      rank: 8,
      alpha: 4,
      learningRate: 1e-4,
      resolution: [512, 768],
      prompts: ["x"],
      batchSize: null,
    });
  });

  it("never throws, and neither does validation", () => {
    fc.assert(
      fc.property(fc.anything(), (inside) => {
        for (const document of [
          inside,
          { config: inside },
          { config: { name: inside, process: [inside] } },
          {
            config: {
              process: [
                {
                  network: inside,
                  train: { steps: inside, lr: inside },
                  datasets: [inside],
                  model: inside,
                  sample: { samples: inside },
                },
              ],
            },
          },
        ]) {
          readAiToolkitDocument(document);
          validateDocument(document);
        }
      }),
    );
  });
});
