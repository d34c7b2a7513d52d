/**
 * The keys AI Toolkit reads, per section (commit 27a03a91, toolkit/config_modules.py and the trainers). It ignores
 * any other key in silence, so a misspelt one is only ever seen here.
 */
export const documentKeys: Readonly<Record<string, ReadonlySet<string>>> = {
  document: words("job config meta training_metadata"),
  config: words("name process"),
  meta: words("name version"),
  process: words(
    "type name training_folder sqlite_db_path device trigger_word performance_log_every log_dir training_seed " +
      "first_sample guidance embedding adapter decorator do_lorm torch_profiler slider network save datasets train " +
      "logging model sample caption wandb",
  ),
  network: words(
    "type linear rank linear_alpha alpha conv conv_alpha dropout network_kwargs transformer_only lokr_full_rank " +
      "lokr_factor old_lokr_format split_multistage_loras layer_offloading pretrained_lora_path all_layers",
  ),
  save: words(
    "dtype save_every max_step_saves_to_keep save_format push_to_hub hf_repo_id hf_private",
  ),
  dataset: words(
    "folder_path dataset_path path batch_size type default_caption trigger_word caption_ext caption_dropout_rate " +
      "shuffle_tokens token_dropout_rate keep_tokens resolution scale buckets bucket_tolerance random_crop " +
      "random_scale square_crop is_reg prior_reg network_weight flip_x flip_y num_repeats control_path " +
      "control_path_1 control_path_2 control_path_3 control_from_same_folder inpaint_path mask_path alpha_mask " +
      "invert_mask mask_min_value unconditional_path clip_image_path cache_latents cache_latents_to_disk " +
      "cache_tensors_to_disk cache_text_embeddings cache_latents_num_workers num_workers prefetch_factor num_frames " +
      "shrink_video_to_frames auto_frame_count trim_auto_frame_count_tail fps do_i2v do_audio audio_normalize " +
      "audio_preserve_pitch controls loss_multiplier replacements random_triggers fast_image_size augments " +
      "augmentations poi",
  ),
  train: words(
    "steps lr learning_rate batch_size gradient_accumulation gradient_accumulation_steps optimizer optimizer_params " +
      "lr_scheduler lr_scheduler_params noise_scheduler timestep_type content_or_style loss_type dtype train_unet " +
      "train_text_encoder gradient_checkpointing max_grad_norm ema_config skip_first_sample force_first_sample " +
      "disable_sampling unload_text_encoder cache_text_embeddings bypass_guidance_embedding " +
      "diff_output_preservation diff_output_preservation_multiplier diff_output_preservation_class " +
      "blank_prompt_preservation blank_prompt_preservation_multiplier switch_boundary_every " +
      "do_differential_guidance differential_guidance_scale do_guidance_loss guidance_loss_target " +
      "audio_loss_multiplier max_loss start_step merge_network_on_save attention_backend noise_offset " +
      "min_snr_gamma snr_gamma validation_config linear_timesteps linear_timesteps2 xformers weight_jitter",
  ),
  logging: words("log_every use_ui_logger use_wandb project_name run_name verbose"),
  model: words(
    "name_or_path arch quantize quantize_te qtype qtype_te low_vram layer_offloading " +
      "layer_offloading_transformer_percent layer_offloading_text_encoder_percent model_kwargs model_paths " +
      "extras_name_or_path assistant_lora_path inference_lora_path unconditional_lora_path lora_path vae_path " +
      "te_name_or_path unet_path compile block_compile compile_mode compile_fullgraph compile_dynamic " +
      "cache_size_limit is_xl is_v2 is_v3 is_flux is_pixart is_lumina2 is_v_pred auto_memory " +
      "split_model_over_gpus name dtype",
  ),
  sample: words(
    "sampler sample_every sample_start_step width height neg seed walk_seed guidance_scale sample_steps num_frames " +
      "fps format guidance_rescale network_multiplier prompts samples",
  ),
};

/** The known key a misspelt one most likely meant, null when none is near. */
export function nearestKey(key: string, known: ReadonlySet<string>): string | null {
  const wanted = key.toLowerCase().slice(0, 64);
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(" "));
}
