import { limits } from "@trainyard/shared/limits.ts";
import type { PresetView } from "@trainyard/shared/tools/list-model-presets.ts";
import type { JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import { archBase, modelPresets } from "@trainyard/shared/training/presets/model-presets.ts";
import { presetCommit, presetVersion } from "@trainyard/shared/training/presets/preset.ts";
import type { MemoryBasis, ModelPreset } from "@trainyard/shared/training/presets/preset.ts";
import type { EdgeHandler } from "./context.ts";
import { fitList } from "./fit-list.ts";
import { plural } from "./words.ts";

export const listModelPresets: EdgeHandler<"list-model-presets"> = async (input, context) => {
  const query = input.query?.trim().toLowerCase() ?? "";
  const found = modelPresets.filter(
    (preset) => (input.group === undefined || preset.group === input.group) && says(preset, query),
  );
  const full = context.detail(input.detail) === "full";
  const presets = full
    ? found.map(fullRow)
    : fitList(found.map(shortRow), limits.conciseCharacters - 450);
  const cut = presets.length < found.length;
  return {
    data: {
      presets,
      count: found.length,
      total: modelPresets.length,
      truncated: cut,
      ...(full
        ? {
            note: "A preset's values are what AI Toolkit's own UI writes when the model is chosen there.",
            ai_toolkit_version: presetVersion,
            ai_toolkit_commit: presetCommit,
          }
        : {}),
    },
    text: `${plural(found.length, "preset")}${cut ? `, the first ${presets.length} here; narrow with group or query` : ""}. Next: create-training-config with a preset's model_path as model_name${full ? "" : "; detail full has each preset's values"}.`,
  };
};

function says(preset: ModelPreset, query: string): boolean {
  if (query === "") return true;
  const { key, label, path, alsoCalled } = preset;
  return [key, label, path, ...alsoCalled].some((text) => text.toLowerCase().includes(query));
}

function shortRow(preset: ModelPreset): PresetView {
  return {
    name: preset.label,
    arch: preset.key,
    group: preset.group,
    model_path: preset.path,
    min_vram_gb: preset.memory?.gb ?? null,
  };
}

function fullRow(preset: ModelPreset): PresetView {
  const { sampling, sections, hidden, controls, recovery, promptTags } = preset;
  const base = archBase(preset.arch);
  const settings = settingsOf(preset);
  return {
    ...shortRow(preset),
    description: descriptionOf(preset),
    is_flux: base === "flux" || base === "flex1",
    is_xl: base === "sdxl",
    is_v3: base === "sd3",
    recommended_resolution: [...preset.resolution],
    recommended_scheduler: preset.scheduler,
    requires_quantize: preset.quantize,
    ...(preset.memory === null ? {} : { min_vram_source: memorySources[preset.memory.basis] }),
    gated: preset.gated,
    low_vram: preset.lowVram,
    quantize_te: preset.quantizeTextEncoder,
    qtype: preset.qtype,
    qtype_te: preset.qtypeTextEncoder,
    sampler: preset.sampler,
    timestep_type: preset.timestepType,
    sampling: {
      width: sampling.side,
      height: sampling.side,
      guidance_scale: sampling.guidanceScale,
      sample_steps: sampling.steps,
      num_frames: sampling.frames,
      fps: sampling.fps,
    },
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
    ...filled({
      sections,
      hidden_sections: hidden,
      controls,
      recovery_qtypes: recovery,
      prompt_tags: promptTags,
    }),
    side_multiple: preset.sides,
    source: preset.source,
  };
}

/** Only the lists that say something: 55 rows have to stay readable. */
function filled<Lists extends Readonly<Record<string, readonly string[]>>>(
  lists: Lists,
): { [Key in keyof Lists]?: string[] } {
  const entries = Object.entries(lists).filter(([, list]) => list.length > 0);
  return Object.fromEntries(entries) as { [Key in keyof Lists]?: string[] };
}

function settingsOf(preset: ModelPreset): JsonDocument {
  const sections = {
    network: {
      ...(preset.rank === null ? {} : { linear: preset.rank, linear_alpha: preset.rank }),
      ...(preset.ignoredLayers.length === 0
        ? {}
        : { network_kwargs: { ignore_if_contains: preset.ignoredLayers } }),
      ...preset.network,
    },
    train: {
      ...(preset.learningRate === null ? {} : { lr: preset.learningRate }),
      ...(preset.bypassGuidance ? { bypass_guidance_embedding: true } : {}),
      ...preset.train,
    },
    model: preset.model,
    datasets: preset.dataset,
    sample: preset.sampling.negative === "" ? {} : { neg: preset.sampling.negative },
  };
  return Object.fromEntries(
    Object.entries(sections).filter(([, values]) => Object.keys(values).length > 0),
  ) as JsonDocument;
}

function descriptionOf({ group, sections, model, source }: ModelPreset): string {
  if (source === "trainyard") return "A small model that trains on the CPU, for trying.";
  const controls = sections.some((section) => section.includes("control_path"));
  const fromPicture = sections.includes("sample.ctrl_img");
  const kind =
    group === "audio"
      ? "Music from text"
      : group === "video"
        ? `Video from text${fromPicture || controls ? " or pictures" : ""}${sections.includes("datasets.do_audio") ? ", with sound" : ""}`
        : controls
          ? `${group === "image" ? "Pictures from text, and edits" : "Edits"} of control images`
          : "Pictures from text";
  const adapter = "assistant_lora_path" in model ? "; trains with an adapter" : "";
  return `${kind}${adapter}.`;
}

const memorySources: Readonly<Record<MemoryBasis, string>> = {
  example: "AI Toolkit's example for such a card",
  "example-3-bit":
    "AI Toolkit's example for such a card, weights in 3 bits with a recovery adapter",
  "example-4-bit":
    "AI Toolkit's example for such a card, weights in 4 bits with a recovery adapter",
  "earlier-list": "an earlier system's list; AI Toolkit has no example",
};
