/** Every base model that can be trained, and how a name, a path or an arch is told to be one of them. */
import { audioPresets } from "./audio-presets.ts";
import { experimentalPresets } from "./experimental-presets.ts";
import { fluxPresets } from "./flux-presets.ts";
import { imagePresets } from "./image-presets.ts";
import { instructionPresets } from "./instruction-presets.ts";
import { ownPresets } from "./own-presets.ts";
import { type ModelPreset, plainPreset } from "./preset.ts";
import { presetNames } from "./preset-names.ts";
import { videoPresets } from "./video-presets.ts";

/** The 52 entries of the toolkit's own UI, then ours. Where two share a path the first is what the path alone means. */
export const modelPresets: readonly ModelPreset[] = [
  ...fluxPresets,
  ...imagePresets,
  ...instructionPresets,
  ...videoPresets,
  ...audioPresets,
  ...experimentalPresets,
  ...ownPresets,
];

/** Archs that the toolkit loads and its UI does not offer, with the scheduler they want. */
const otherArchs: ReadonlyMap<string, "flowmatch" | "ddpm"> = new Map([
  ["auraflow", "flowmatch"],
  ["chroma_radiance", "flowmatch"],
  ["cogview4", "flowmatch"],
  ["f-lite", "flowmatch"],
  ["pixart", "ddpm"],
  ["pixart_sigma", "ddpm"],
  ["sd1", "ddpm"],
  ["sd2", "ddpm"],
  ["ssd", "ddpm"],
  ["vega", "ddpm"],
]);

/** The part of an arch that the toolkit reads. */
export function archBase(arch: string): string {
  return arch.split(":", 1)[0]?.trim().toLowerCase() ?? "";
}

const knownArchs: ReadonlySet<string> = new Set([
  ...modelPresets.map(({ arch }) => archBase(arch)),
  ...otherArchs.keys(),
]);

/** The toolkit refuses no arch: one that it does not know is loaded as Stable Diffusion. */
export function isKnownArch(arch: string): boolean {
  return knownArchs.has(archBase(arch));
}

/** By key or arch, `sd1` as `sd15`; an arch without its tag is its first entry. Null for any other. */
export function presetOfArch(arch: string): ModelPreset | null {
  const wanted = arch.trim().toLowerCase();
  const exact = byKey.get(wanted === "sd1" ? "sd15" : wanted);
  return exact ?? modelPresets.find((preset) => archBase(preset.arch) === archBase(wanted)) ?? null;
}

/** What an arch without an entry is written as: the bare form, with the scheduler that its class wants. */
export function presetForArch(arch: string): ModelPreset {
  return presetOfArch(arch) ?? plainPreset(arch, otherArchs.get(archBase(arch)) ?? "flowmatch");
}

/**
 * An entry that is meant by its own name: key, label, the hub id or that id without its owner. Such a name is not a path, so
 * the entry's path stands for it.
 */
export function presetCalled(name: string): ModelPreset | null {
  return byName.get(name.trim().toLowerCase()) ?? null;
}

/** What the name or path of a model tells: one of the names above, else the first pattern that fits; null when none does. */
export function presetOfModel(modelName: string): ModelPreset | null {
  const called = presetCalled(modelName);
  if (called !== null) return called;
  for (const [pattern, key] of presetNames) {
    if (pattern.test(modelName)) return key === null ? null : (byKey.get(key) ?? null);
  }
  return null;
}

const byKey: ReadonlyMap<string, ModelPreset> = new Map(
  modelPresets.map((preset) => [preset.key, preset]),
);

const byName: ReadonlyMap<string, ModelPreset> = new Map(
  modelPresets
    .flatMap((preset) =>
      [
        preset.key,
        preset.label,
        ...preset.alsoCalled,
        preset.path,
        preset.path.split("/").at(-1) ?? "",
      ].map((name) => [name.toLowerCase(), preset] as const),
    )
    // A Map keeps the last of a name: the first entry is to win.
    .toReversed(),
);
