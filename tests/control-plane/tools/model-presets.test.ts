import { limits } from "@trainyard/shared/limits.ts";
import { describe, expect, it } from "vitest";
import { createYard } from "../support/yard.ts";

const yard = await createYard();
const find = async (args: Record<string, unknown>) =>
  (await yard.call("list-model-presets", args)).data;

describe("list-model-presets", () => {
  it("has the five presets of the earlier system, with its fields", async () => {
    const seeds = [
      [
        "Flux.1-dev",
        "black-forest-labs/FLUX.1-dev",
        true,
        false,
        false,
        [512, 768, 1024],
        true,
        24,
      ],
      [
        "schnell",
        "black-forest-labs/FLUX.1-schnell",
        true,
        false,
        false,
        [512, 768, 1024],
        true,
        24,
      ],
      [
        "Diffusion 1.5",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        false,
        false,
        false,
        [512],
        false,
        8,
      ],
      [
        "Diffusion XL",
        "stabilityai/stable-diffusion-xl-base-1.0",
        false,
        true,
        false,
        [1024],
        false,
        12,
      ],
      ["3.5 Large", "stabilityai/stable-diffusion-3.5-large", false, false, true, [1024], true, 24],
    ] as const;
    for (const [query, path, flux, xl, v3, resolution, quantize, gb] of seeds) {
      const { presets } = await find({ query });
      expect(presets).toHaveLength(1);
      expect(presets[0]).toMatchObject({
        model_path: path,
        is_flux: flux,
        is_xl: xl,
        is_v3: v3,
        recommended_resolution: resolution,
        recommended_scheduler: xl || gb === 8 ? "ddpm" : "flowmatch",
        requires_quantize: quantize,
        min_vram_gb: gb,
        description: expect.stringMatching(/\.$/),
        min_vram_source: expect.any(String),
      });
    }
  });

  it("filters by group and by part of a name, and says when nobody knows the memory", async () => {
    const video = await find({ group: "video" });
    const klein = await find({ query: "KLEIN", group: "image" });
    const none = await find({ query: "no such model" });

    expect([video["count"], video["total"]]).toEqual([12, 55]);
    expect(klein["presets"].map((preset: { arch: string }) => preset.arch)).toEqual([
      "flux2_klein_4b",
      "flux2_klein_9b",
    ]);
    expect(klein["presets"][0]).toMatchObject({ min_vram_gb: null, gated: false });
    expect(klein["presets"][0]).not.toHaveProperty("min_vram_source");
    expect([none["count"], none["presets"]]).toEqual([0, []]);
    expect(video["ai_toolkit_commit"]).toMatch(/^27a03a91/);
  });

  it("shows what a preset sets besides", async () => {
    const { presets } = await find({ query: "minimax_h3" });

    expect(presets[0]).toMatchObject({
      arch: "minimax_h3",
      qtype: "convrot8",
      qtype_te: "nvfp4",
      sampling: { width: 768, sample_steps: 28, num_frames: 107, fps: 24, guidance_scale: 1 },
      settings: {
        network: { linear: 16, network_kwargs: { ignore_if_contains: ["adaln_proj"] } },
        train: { guidance_loss_target: 3.5 },
        datasets: { num_frames: 39 },
      },
      side_multiple: 32,
    });
  });

  it("is short at MCP, and whole over HTTP", async () => {
    const concise = await yard.mcp("list-model-presets", {});
    const full = await yard.mcp("list-model-presets", { detail: "full" });
    const size = (answer: { data: unknown; text: string }) =>
      JSON.stringify(answer.data).length + answer.text.length;

    expect(size(concise)).toBeLessThanOrEqual(limits.conciseCharacters);
    expect(concise.data).toMatchObject({ count: 55, truncated: true });
    expect(size(full)).toBeLessThanOrEqual(limits.fullCharacters);
    expect((await find({}))["presets"]).toHaveLength(55);
  });

  it("every preset that it lists can be written as a config by its arch and path", async () => {
    for (const preset of (await find({}))["presets"] as { arch: string; model_path: string }[]) {
      const { data } = await yard.call("create-training-config", {
        name: `p-${preset.arch.replace(":", "-")}`,
        model_name: preset.model_path,
        arch: preset.arch,
        dataset_path: "cats",
      });
      expect([preset.arch, data["created"]]).toEqual([preset.arch, true]);
    }
  });
});
