/**
 * Settings that are on or off. To Python any text is on: `no` and `off`, which YAML's older version reads as false and the core
 * schema as text, would switch on what they are to switch off.
 */
import { isObject, type JsonObject } from "./ai-toolkit-document.ts";
import { error, type Place, shown } from "./finding.ts";

const switches: ReadonlySet<string> = new Set(
  (
    "all_layers alpha_mask attn_masking audio_normalize audio_preserve_pitch auto_frame_count " +
    "blank_prompt_preservation block_compile buckets bypass_guidance_embedding cache_latents cache_latents_to_disk " +
    "cache_text_embeddings cache_tensors_to_disk compile control_from_same_folder diff_output_preservation " +
    "disable_sampling do_audio do_differential_guidance do_guidance_loss do_i2v fast_image_size flip_x flip_y " +
    "force_first_sample gradient_checkpointing invert_mask is_flux is_lumina2 is_reg is_v2 is_v3 is_v_pred is_xl " +
    "layer_offloading lokr_full_rank low_vram merge_network_on_save prior_reg push_to_hub quantize quantize_te " +
    "random_crop random_scale shrink_video_to_frames shuffle_tokens skip_first_sample split_multistage_loras " +
    "square_crop train_text_encoder train_unet transformer_only unload_text_encoder use_ema use_ui_logger use_wandb " +
    "walk_seed"
  ).split(" "),
);

export function checkSwitches(process: JsonObject, { path, add }: Place): void {
  const sections: [string, unknown][] = [
    ...["network", "save", "train", "logging", "model", "sample"].map((name): [string, unknown] => [
      name,
      process[name],
    ]),
    ["train.ema_config", isObject(process["train"]) ? process["train"]["ema_config"] : undefined],
    ...(Array.isArray(process["datasets"]) ? process["datasets"] : []).map(
      (dataset: unknown, at): [string, unknown] => [`datasets[${at}]`, dataset],
    ),
  ];
  for (const [name, section] of sections) {
    if (!isObject(section)) continue;
    for (const [key, value] of Object.entries(section)) {
      if (!switches.has(key) || typeof value !== "string") continue;
      add(
        error("INVALID_SWITCH", "This is text, and Python takes any text as true.", {
          field: `${path}.${name}.${key}`,
          value: shown(value),
          fix: "Write true or false, without quotation marks.",
        }),
      );
    }
  }
}
