import { archBase, presetOfArch, presetOfModel } from "./presets/model-presets.ts";
import type { ModelPreset } from "./presets/preset.ts";

/** Families that have figures of their own in the tables of judging and planning. */
export const familyNames = ["flux", "flex1", "sdxl", "sd3", "sd15", "tiny"] as const;
export type FamilyName = (typeof familyNames)[number];

/** The family an `arch` stands for, null for an arch without one. */
export function familyOfArch(arch: string | null): FamilyName | null {
  return arch === null ? null : familyOf(presetOfArch(arch));
}

/** The family that a model's name tells, null when it tells none. Only the name's own words count, whole. */
export function familyOfModelName(modelName: string): FamilyName | null {
  return familyOf(presetOfModel(modelName));
}

function familyOf(preset: ModelPreset | null): FamilyName | null {
  const base = preset === null ? "" : archBase(preset.arch);
  return familyNames.find((name) => name === base) ?? null;
}

/** Whether a name says Flux or Flex of any version: those never load through the Stable Diffusion class. */
export function isFluxName(modelName: string): boolean {
  return /flux|(?<![a-z])flex(?![a-z])/i.test(modelName);
}

export function isFluxArch(arch: string | null): boolean {
  return /^fl(?:ux|ex)/i.test(arch ?? "");
}
