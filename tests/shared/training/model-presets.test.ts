import { describe, expect, it } from "vitest";
import { readAiToolkitDocument } from "../../../shared/training/ai-toolkit-document.ts";
import { planFamilies } from "../../../shared/training/plan-families.ts";
import {
  archBase,
  isKnownArch,
  modelPresets,
  presetCalled,
  presetOfArch,
  presetOfModel,
} from "../../../shared/training/presets/model-presets.ts";
import { presetNames } from "../../../shared/training/presets/preset-names.ts";
import { trainingConfigFromArguments } from "../../../shared/training/training-config.ts";
import { validateDocument } from "../../../shared/training/validate.ts";
import { toAiToolkitDocument } from "../../../shared/training/write-ai-toolkit-document.ts";

const keys = modelPresets.map(({ key }) => key);

describe("the presets", () => {
  it("are the 52 of the toolkit's UI at 27a03a91, two of its examples, and tiny", () => {
    const count = (source: string) => modelPresets.filter((one) => one.source === source).length;
    const groups = modelPresets
      .filter(({ source }) => source === "ui")
      .map(({ group }) => group)
      .toSorted();

    expect([count("ui"), count("example"), count("trainyard")]).toEqual([52, 2, 1]);
    expect(Object.groupBy(groups, (group) => group)).toMatchObject({
      image: { length: 27 },
      instruction: { length: 7 },
      video: { length: 12 },
      audio: { length: 2 },
      experimental: { length: 4 },
    });
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("have the values that were checked by hand against the toolkit's file", () => {
    const brief = (key: string) => {
      const preset = presetOfArch(key)!;
      const { path, gated, quantize, quantizeTextEncoder, lowVram, scheduler, timestepType } =
        preset;
      return [path, gated, quantize, quantizeTextEncoder, lowVram, scheduler, timestepType];
    };

    expect(brief("sdxl")).toEqual([
      "stabilityai/stable-diffusion-xl-base-1.0",
      false,
      false,
      false,
      false,
      "ddpm",
      "sigmoid",
    ]);
    expect(brief("flux2")).toEqual([
      "black-forest-labs/FLUX.2-dev",
      true,
      true,
      true,
      true,
      "flowmatch",
      "weighted",
    ]);
    expect(brief("wan21:1b")).toEqual([
      "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
      false,
      false,
      true,
      false,
      "flowmatch",
      "sigmoid",
    ]);
    expect(brief("hidream_o1")).toEqual([
      "HiDream-ai/HiDream-O1-Image",
      false,
      true,
      false,
      false,
      "flowmatch",
      "linear",
    ]);
    expect(presetOfArch("minimax_h3")).toMatchObject({
      qtype: "convrot8",
      qtypeTextEncoder: "nvfp4",
      rank: 16,
      sampling: { side: 768, guidanceScale: 1, steps: 28, frames: 107, fps: 24 },
      dataset: { num_frames: 39, auto_frame_count: true },
      sides: 32,
    });
  });

  it("cut pictures to the same multiple as the plan's families", () => {
    for (const family of Object.values(planFamilies)) {
      for (const arch of family.archs) expect(presetOfArch(arch)?.sides).toBe(family.bucketStep);
    }
  });

  it.each(keys)("%s makes a whole document that is valid and read back as the same arch", (key) => {
    const preset = presetOfArch(key)!;
    const config = trainingConfigFromArguments({
      name: "my-lora",
      model_name: preset.path,
      arch: key,
      dataset_path: "cats",
      control_path: preset.sections.some((section) => section.includes("control_path"))
        ? "before"
        : undefined,
      resolution: 1024,
      steps: 2000,
    });
    const document = JSON.parse(JSON.stringify(toAiToolkitDocument(config))) as unknown;

    expect(validateDocument(document)).toMatchObject({ errors: [], warnings: [] });
    expect(readAiToolkitDocument(document)).toMatchObject({
      modelName: preset.path,
      arch: preset.arch,
      rank: preset.rank ?? 16,
    });
  });
});

describe("what a name means", () => {
  it.each(modelPresets.map((preset) => [preset.path, preset.key] as const))(
    "[W8] %s is an entry of that path",
    (path, key) => {
      const found = presetOfModel(path);

      expect(found?.path).toBe(path);
      // Where two share a path, the one that is not experimental or narrower.
      if (modelPresets.filter((one) => one.path === path).length === 1)
        expect(found?.key).toBe(key);
    },
  );

  it.each([
    ["Flux.1-dev", "flux"],
    ["Flux.1-schnell", "flux:schnell"],
    ["Stable Diffusion 1.5", "sd15"],
    ["stable-diffusion-v1-5", "sd15"],
    ["Stable Diffusion XL", "sdxl"],
    ["Stable Diffusion 3.5 Large", "sd3"],
    ["z-image turbo (w/ training adapter)", "zimage:turbo"],
    ["zimage:turbo", "zimage:turbo"],
    ["krea/Krea-2-Raw", "krea2"],
  ])("%s is called %s", (name, key) => {
    expect(presetCalled(name)?.key).toBe(key);
  });

  it.each([
    ["/models/flux1-kontext-dev-fp8", "flux_kontext"],
    ["flux-2-klein-9b-fp8.safetensors", "flux2_klein_9b"],
    ["flux2_dev.safetensors", "flux2"],
    ["chroma-unlocked-v37", "chroma"],
    ["Chroma1-Radiance-v0.1", null],
    ["polychromatic-mix", null],
    ["qwen_image_edit_2511_bf16", "qwen_image_edit_plus:2511"],
    ["qwen_image_2512_bf16", "qwen_image:2512"],
    ["z_image_turbo_bf16", "zimage:turbo"],
    ["wan2.2_ti2v_5B_fp16", "wan22_5b"],
    ["wan2.2_i2v_high_noise_14B", "wan22_14b_i2v"],
    ["Wan2_1-T2V-1_3B", "wan21:1b"],
    ["wan2.1_i2v_480p_14B", "wan21_i2v:14b480p"],
    ["ltx-2.3-22b-dev", "ltx2.3"],
    ["ltx-2-19b-dev", "ltx2"],
    ["hidream_o1_bf16", "hidream_o1"],
    ["stable-diffusion-xl", "sdxl"],
    ["sd_xl_base_1.0.safetensors", "sdxl"],
    ["realistic-model", null],
    ["constructor", null],
  ])("[W8] a file called %s is %s", (name, key) => {
    expect(presetOfModel(name)?.key ?? null).toBe(key);
  });

  it("names only entries that are there", () => {
    for (const [, key] of presetNames) if (key !== null) expect(keys).toContain(key);
  });

  it("takes an arch with its tag, without it, and none that is not there", () => {
    expect(presetOfArch("wan22_14b")?.key).toBe("wan22_14b:t2v");
    expect(presetOfArch("qwen_image:unheard")?.key).toBe("qwen_image");
    expect(presetOfArch("SD1")?.key).toBe("sd15");
    expect(presetOfArch("constructor")).toBeNull();
    expect(["cogview4", "f-lite", "sd2", "wan21:1b"].map(isKnownArch)).toEqual(Array(4).fill(true));
    expect([isKnownArch("flux3"), isKnownArch("__proto__")]).toEqual([false, false]);
    expect(archBase("krea2:turbo")).toBe("krea2");
  });
});
