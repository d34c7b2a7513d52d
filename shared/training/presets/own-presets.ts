import { definePreset, type ModelPreset } from "./preset.ts";

/** Models that the toolkit trains and its UI does not list, from its examples; and the trainer that comes with us. */
export const ownPresets: readonly ModelPreset[] = [
  // config/examples/train_lora_flux_schnell_24gb.yaml
  definePreset({
    key: "flux:schnell",
    arch: "flux",
    label: "FLUX.1-schnell",
    path: "black-forest-labs/FLUX.1-schnell",
    gated: null,
    quantize: true,
    quantizeTextEncoder: true,
    sampling: { guidanceScale: 1, steps: 4 },
    model: { assistant_lora_path: "ostris/FLUX.1-schnell-training-adapter" },
    sections: ["model.assistant_lora_path"],
    sides: 32,
    memory: { gb: 24, basis: "example" },
    source: "example",
  }),
  // config/examples/train_lora_sd35_large_24gb.yaml
  definePreset({
    arch: "sd3",
    label: "SD 3.5 Large",
    alsoCalled: ["Stable Diffusion 3.5 Large"],
    path: "stabilityai/stable-diffusion-3.5-large",
    gated: null,
    quantize: true,
    quantizeTextEncoder: true,
    timestepType: "linear",
    sampling: { steps: 25 },
    resolution: [1024],
    sides: 32,
    memory: { gb: 24, basis: "example" },
    source: "example",
  }),
  definePreset({
    arch: "tiny",
    label: "tiny",
    path: "tiny",
    scheduler: "ddpm",
    sampler: "ddpm",
    timestepType: "linear",
    sampling: { side: 64, guidanceScale: 1, steps: 1 },
    resolution: [64],
    rank: 32,
    learningRate: 0.0001,
    sides: 16,
    source: "trainyard",
  }),
];
