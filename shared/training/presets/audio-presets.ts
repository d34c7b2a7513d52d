import { definePreset, eightBits, type ModelPreset, offloading } from "./preset.ts";

export const audioPresets: readonly ModelPreset[] = [
  definePreset({
    arch: "ace_step_15",
    label: "ACE-Step 1.5",
    group: "audio",
    path: "ostris/ace_step_1.5_ComfyUI_files/ace_step_1.5_base_aio.safetensors",
    ...eightBits,
    lowVram: true,
    timestepType: "linear",
    sections: ["sample.multi_ctrl_imgs", ...offloading],
    promptTags: ["CAPTION", "LYRICS", "BPM", "KEYSCALE", "TIMESIGNATURE", "DURATION", "LANGUAGE"],
    sides: null,
  }),
  definePreset({
    arch: "ace_step_15_xl",
    label: "ACE-Step 1.5 XL",
    group: "audio",
    path: "ostris/ace_step_1.5_ComfyUI_files/ace_step_1.5_xl_base_aio.safetensors",
    ...eightBits,
    lowVram: true,
    timestepType: "linear",
    sections: ["sample.multi_ctrl_imgs", ...offloading],
    promptTags: ["CAPTION", "LYRICS", "BPM", "KEYSCALE", "TIMESIGNATURE", "DURATION", "LANGUAGE"],
    sides: null,
  }),
];
