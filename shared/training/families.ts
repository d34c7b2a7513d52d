/** What differs between model families, as data: a new family is one entry. */
export type FamilyName = "flux" | "flex1" | "sdxl" | "sd3" | "sd15" | "tiny";

export interface ModelFamily {
  readonly name: FamilyName;
  /** AI Toolkit's `model.arch`; a wrong one is no error there, it silently loads as Stable Diffusion. */
  readonly arch: string;
  readonly noiseScheduler: "flowmatch" | "ddpm";
  readonly sampler: "flowmatch" | "ddpm";
  readonly timestepType: "sigmoid" | "linear";
  readonly guidanceScale: number;
  readonly sampleSteps: number;
  readonly defaultResolution: number;
  /** Edge of a sample picture; null takes the largest training resolution. */
  readonly sampleSize: number | null;
  readonly quantize: boolean;
  /** Transformers that need a folder of parts: a single file cannot be loaded. */
  readonly needsFolder: boolean;
}

export const families: Readonly<Record<FamilyName, ModelFamily>> = {
  flux: {
    name: "flux",
    arch: "flux",
    noiseScheduler: "flowmatch",
    sampler: "flowmatch",
    timestepType: "sigmoid",
    guidanceScale: 4,
    sampleSteps: 25,
    defaultResolution: 512,
    sampleSize: 1024,
    quantize: true,
    needsFolder: true,
  },
  flex1: {
    name: "flex1",
    arch: "flex1",
    noiseScheduler: "flowmatch",
    sampler: "flowmatch",
    timestepType: "sigmoid",
    guidanceScale: 4,
    sampleSteps: 25,
    defaultResolution: 512,
    sampleSize: 1024,
    quantize: true,
    needsFolder: true,
  },
  sdxl: {
    name: "sdxl",
    arch: "sdxl",
    noiseScheduler: "ddpm",
    sampler: "ddpm",
    timestepType: "sigmoid",
    guidanceScale: 6,
    sampleSteps: 25,
    defaultResolution: 512,
    sampleSize: 1024,
    quantize: false,
    needsFolder: false,
  },
  sd3: {
    name: "sd3",
    arch: "sd3",
    noiseScheduler: "flowmatch",
    sampler: "flowmatch",
    timestepType: "sigmoid",
    guidanceScale: 4,
    sampleSteps: 25,
    defaultResolution: 512,
    sampleSize: 1024,
    quantize: true,
    needsFolder: false,
  },
  sd15: {
    name: "sd15",
    arch: "sd15",
    noiseScheduler: "ddpm",
    sampler: "ddpm",
    timestepType: "sigmoid",
    guidanceScale: 6,
    sampleSteps: 20,
    defaultResolution: 512,
    sampleSize: null,
    quantize: false,
    needsFolder: false,
  },
  tiny: {
    name: "tiny",
    arch: "tiny",
    noiseScheduler: "ddpm",
    sampler: "ddpm",
    timestepType: "linear",
    guidanceScale: 1,
    sampleSteps: 1,
    defaultResolution: 64,
    sampleSize: null,
    quantize: false,
    needsFolder: false,
  },
};

/**
 * Every `arch` AI Toolkit knows at commit 27a03a91 (the text before a colon, which is a preset of its UI). Families
 * of our own are the ones above; the others pass through unchanged.
 */
export const knownArchs: ReadonlySet<string> = new Set(
  (
    "ace_step_15 ace_step_15_xl anima auraflow boogu_image boogu_image_edit chroma chroma_radiance cogview4 " +
    "ernie_image f-lite flex1 flex2 flux flux2 flux2_klein_4b flux2_klein_9b flux_kontext hidream hidream_e1 " +
    "hidream_o1 ideogram4 krea2 ltx2 ltx2.3 ltx2.5 lumina2 mageflow mageflow_edit minimax_h3 minimax_h3_ref2va " +
    "nucleus_image omnigen2 pixart pixart_sigma prx_pixel qwen_image qwen_image_edit qwen_image_edit_plus sd1 " +
    "sd15 sd2 sd3 sdxl ssd tiny vega wan21 wan21_i2v wan22_14b wan22_14b_i2v wan22_5b zeta_chroma zimage zimage_l2p"
  ).split(" "),
);

/** The family an `arch` stands for, null for an arch without one. */
export function familyOfArch(arch: string | null): ModelFamily | null {
  const key = arch?.split(":", 1)[0]?.trim().toLowerCase() ?? "";
  if (key === "sd1") return families.sd15;
  return isFamilyName(key) ? families[key] : null;
}

/** The family that a model's name tells, null when it tells none. Only the name's own words count, whole. */
export function familyOfModelName(modelName: string): ModelFamily | null {
  const name = modelName.trim().toLowerCase();
  if (name === "tiny") return families.tiny;
  for (const [pattern, family] of namePatterns) {
    if (pattern.test(name)) return family === null ? null : families[family];
  }
  return null;
}

/** Whether a name says Flux or Flex of any version: those never load through the Stable Diffusion class. */
export function isFluxName(modelName: string): boolean {
  return /flux|(?<![a-z])flex(?![a-z])/i.test(modelName);
}

export function isFluxArch(arch: string | null): boolean {
  return /^fl(?:ux|ex)/i.test(arch ?? "");
}

/** First match wins, so the newer versions that are families of their own stand first. */
const namePatterns: readonly (readonly [RegExp, FamilyName | null])[] = [
  [/flux[._-]?2|flex[._-]?2|kontext/, null],
  [/(?<![a-z])flex(?![a-z])/, "flex1"],
  [/flux/, "flux"],
  [/sdxl|stable-diffusion-xl|(?<![a-z0-9])xl(?![a-z0-9])|pony|illustrious/, "sdxl"],
  [/sd[._-]?3(?!\d)|stable-diffusion-3/, "sd3"],
  [/sd[._-]?1(?:[._-]?[45])?(?!\d)|stable-diffusion-v1|(?<!\d)v?1[._-][45](?!\d)/, "sd15"],
];

function isFamilyName(key: string): key is FamilyName {
  return Object.hasOwn(families, key);
}
