import { isFluxArch, isFluxName } from "../training/families.ts";
import { isKnownArch } from "../training/presets/model-presets.ts";
import type { ConfigFacts } from "./run-facts.ts";

/**
 * Families that the tables of judging know (peers 2.4). `other` is a known architecture without figures of its own, `tiny`
 * our trainer for trying: neither has a speed curve. `unknown` is a config that names no model.
 */
const judgedFamilies = ["flux_flex", "sdxl", "sd3", "sd_like", "tiny", "other", "unknown"] as const;
export type JudgedFamily = (typeof judgedFamilies)[number];

export const runClasses = ["smoke", "standard", "highres", "long"] as const;
export type RunClass = (typeof runClasses)[number];

/** The seeds' families, from ours: `stable-diffusion-xl` is SDXL here, as it is not with the peer. */
export function judgedFamily(config: ConfigFacts): JudgedFamily {
  switch (config.family) {
    case "flux":
    case "flex1":
      return "flux_flex";
    case "sdxl":
      return "sdxl";
    case "sd3":
      return "sd3";
    case "sd15":
      return "sd_like";
    case "tiny":
      return "tiny";
    case null:
      return familyOfText(config);
  }
}

function familyOfText({ arch, modelName }: ConfigFacts): JudgedFamily {
  if (isFluxArch(arch)) return "flux_flex";
  // A known architecture says more than a file's name.
  if (arch !== null && isKnownArch(arch)) return "other";
  if (isFluxName(modelName ?? "")) return "flux_flex";
  // AI Toolkit loads what it does not know as Stable Diffusion.
  return arch === null && modelName === null ? "unknown" : "sd_like";
}

/** Peers 2.4, in this order; unknown steps and resolution are a standard run. */
export function runClass(config: ConfigFacts): RunClass {
  const { steps } = config;
  if (steps !== null && steps <= 1_200) return "smoke";
  if (steps !== null && steps >= 4_500) return "long";
  return highestResolution(config) >= 1_024 ? "highres" : "standard";
}

/** 0 when not said. */
export function highestResolution({ resolution }: ConfigFacts): number {
  return Math.max(0, ...(resolution ?? []));
}
