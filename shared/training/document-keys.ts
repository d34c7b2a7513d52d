import { nearestName } from "../tools/nearest-name.ts";

/**
 * The keys AI Toolkit reads, per section (commit 27a03a91, toolkit/config_modules.py and the trainers). It ignores
 * any other key in silence, so a misspelt one is only ever seen here.
 */
export const documentKeys: Readonly<Record<string, ReadonlySet<string>>> = {
  document: words("job config meta training_metadata"),
  config: words("name process"),
  process: words(
    "type name training_folder sqlite_db_path device trigger_word performance_log_every log_dir training_seed " +
      "first_sample guidance embedding adapter decorator do_lorm torch_profiler slider network save datasets train " +
      "logging model sample caption wandb lorm_extract_mode lorm_extract_mode_param",
  ),
  network: words(
    "type linear rank linear_alpha alpha conv conv_alpha dropout network_kwargs transformer_only lokr_full_rank " +
      "lokr_factor old_lokr_format split_multistage_loras layer_offloading pretrained_lora_path all_layers lorm",
  ),
  save: words(
    "dtype save_every max_step_saves_to_keep save_format push_to_hub hf_repo_id hf_private",
  ),
  dataset: words(
    "folder_path dataset_path batch_size type default_caption trigger_word caption_ext caption_dropout_rate " +
      "shuffle_tokens token_dropout_rate keep_tokens resolution scale buckets bucket_tolerance random_crop " +
      "random_scale square_crop is_reg prior_reg network_weight flip_x flip_y num_repeats control_path " +
      "control_path_1 control_path_2 control_path_3 control_from_same_folder inpaint_path mask_path alpha_mask " +
      "invert_mask mask_min_value unconditional_path clip_image_path cache_latents cache_latents_to_disk " +
      "cache_tensors_to_disk cache_text_embeddings cache_latents_num_workers num_workers prefetch_factor num_frames " +
      "shrink_video_to_frames auto_frame_count trim_auto_frame_count_tail fps do_i2v do_audio audio_normalize " +
      "audio_preserve_pitch controls loss_multiplier replacements random_triggers fast_image_size augments " +
      "augmentations poi cache_clip_vision_to_disk caption_type clip_image_augmentations " +
      "clip_image_from_same_folder clip_image_shuffle_augmentations control_transparent_color debug " +
      "diff_output_preservation diff_output_preservation_class extra_values full_size_control_images guidance_type " +
      "load_image_when_caching_latents num_controls_from_same_folder random_triggers_max replay_transforms " +
      "shuffle_augmentations standardize_images use_short_captions",
  ),
  train: words(
    "steps lr batch_size gradient_accumulation gradient_accumulation_steps optimizer " +
      "optimizer_params lr_scheduler lr_scheduler_params noise_scheduler timestep_type content_or_style loss_type " +
      "dtype train_unet train_text_encoder gradient_checkpointing max_grad_norm ema_config skip_first_sample " +
      "force_first_sample disable_sampling unload_text_encoder cache_text_embeddings bypass_guidance_embedding " +
      "diff_output_preservation diff_output_preservation_multiplier diff_output_preservation_class " +
      "blank_prompt_preservation blank_prompt_preservation_multiplier switch_boundary_every " +
      "do_differential_guidance differential_guidance_scale do_guidance_loss guidance_loss_target " +
      "audio_loss_multiplier max_loss start_step merge_network_on_save attention_backend noise_offset min_snr_gamma " +
      "snr_gamma validation_config linear_timesteps linear_timesteps2 xformers weight_jitter " +
      "adapter_assist_name_or_path adapter_assist_type adapter_lr adaptive_scaling_factor " +
      "batch_noise_correction_scale blended_blur_noise cfg_rescale cfg_scale correct_pred_norm " +
      "correct_pred_norm_multiplier diffusion_feature_extractor_path diffusion_feature_extractor_weight " +
      "do_batch_noise_correction do_blank_stabilization do_cfg do_fft_loss do_fft_velocity_equiv_weight " +
      "do_guidance_loss_cfg_zero do_paramiter_swapping do_prior_divergence do_random_cfg do_signal_amplification " +
      "do_signal_correction_noise dynamic_noise_offset embedding_lr force_consistent_noise free_u " +
      "guidance_loss_schedule img_multiplier inverted_mask_prior inverted_mask_prior_multiplier " +
      "latent_feature_extractor_path latent_feature_loss_weight latent_multiplier learnable_snr_gos loss_target " +
      "match_adapter_assist match_adapter_chance match_noise_norm max_cfg_scale max_denoising_steps max_loss_debug " +
      "max_negative_prompts merge_network_on_save_strength min_denoising_steps negative_prompt " +
      "next_sample_timesteps noise_multiplier noisy_latent_multiplier num_train_timesteps " +
      "optimal_noise_pairing_samples paramiter_swapping_factor pred_scaler prompt_dropout_prob " +
      "prompt_saturation_chance random_noise_multiplier random_noise_shift refiner_lr reg_weight sdp " +
      "short_and_long_captions short_and_long_captions_encoder_split show_turbo_outputs " +
      "signal_amplification_strength signal_correction_noise_scale single_item_batching standardize_images " +
      "standardize_latents t0_loss_target t0_velocity_equiv_weight target_noise_multiplier target_norm_std " +
      "target_norm_std_value text_encoder_lr train_refiner train_turbo unconditional_prompt unet_lr",
  ),
  logging: words("log_every use_ui_logger use_wandb project_name run_name verbose"),
  model: words(
    "name_or_path arch quantize quantize_te qtype qtype_te low_vram layer_offloading " +
      "layer_offloading_transformer_percent layer_offloading_text_encoder_percent model_kwargs model_paths " +
      "extras_name_or_path assistant_lora_path inference_lora_path unconditional_lora_path lora_path vae_path " +
      "te_name_or_path unet_path compile block_compile compile_mode compile_fullgraph compile_dynamic " +
      "cache_size_limit is_xl is_v2 is_v3 is_flux is_pixart is_lumina2 is_v_pred auto_memory split_model_over_gpus " +
      "dtype accuracy_recovery_adapter attn_masking experimental_xl ignore_if_contains in_context is_auraflow " +
      "is_pixart_sigma is_ssd is_vega latent_space_version only_if_contains quantize_kwargs refiner_name_or_path " +
      "refiner_start_at split_model_other_module_param_count_scale te_device te_dtype text_encoder_bits " +
      "unet_sample_size use_flux_cfg use_text_encoder_1 use_text_encoder_2 vae_device vae_dtype",
  ),
  sample: words(
    "sampler sample_every sample_start_step width height neg seed walk_seed guidance_scale sample_steps " +
      "num_frames fps format guidance_rescale network_multiplier prompts samples adapter_conditioning_scale " +
      "do_cfg_norm extra_values refiner_start_at",
  ),
  sampleItem: words(
    "ctrl_idx ctrl_img ctrl_img_1 ctrl_img_2 ctrl_img_3 do_cfg_norm fps guidance_scale height neg " +
      "network_multiplier num_frames prompt sample_steps seed width",
  ),
  ema: words("ema_decay param_multiplier use_ema use_feedback"),
  validation: words("resolution validate_every_n_steps validation_items validation_sigmas"),
};

/** Keys of older tools and of other trainers, and the one that the toolkit reads for them. */
const meant: ReadonlyMap<string, string> = new Map([
  ["dataset.path", "folder_path"],
  ["model.name", "name_or_path"],
  ["model.path", "name_or_path"],
  ["network.dim", "linear"],
  ["network.network_dim", "linear"],
  ["network.network_alpha", "linear_alpha"],
  ["train.epochs", "steps"],
  ["train.gradient_accumulation_step", "gradient_accumulation_steps"],
  ["train.learning_rate", "lr"],
  ["train.max_train_steps", "steps"],
  ["train.num_steps", "steps"],
  ["train.train_batch_size", "batch_size"],
]);

/** The known key a misspelt one most likely meant, null when none is near. Short keys are near to too much. */
export function nearestKey(section: string, key: string): string | null {
  const other = meant.get(`${section}.${key}`);
  if (other !== undefined) return other;
  const reach = Math.max(1, Math.floor(Math.min(key.length, 64) / 3));
  return nearestName(key, [...(documentKeys[section] ?? [])], reach);
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(" "));
}
