import { describe, expect, it } from "vitest";
import { inputJsonSchema, outputJsonSchema } from "../../../shared/tools/json-schema.ts";
import type { JsonSchema } from "../../../shared/tools/json-schema.ts";
import { parseArguments } from "../../../shared/tools/parse-arguments.ts";
import { findTool } from "../../../shared/tools/registry.ts";
import type { ToolContract } from "../../../shared/tools/define-tool.ts";
import { applySynonyms, synonymsOf } from "../../../shared/tools/synonyms.ts";
import { sampleOf } from "../../support/sample-of.ts";

interface Documented {
  /** `name`, `name=default`, `name[least,most]`; what several tools share stands in `shared`. */
  readonly takes?: string;
  /** Paths of returned fields; `[]` is each of a list. */
  readonly gives: string;
}

const scan = "max_dataset_files[100,20000]";
const judged = `log_lines=1000[100,20000] include_dataset=true include_nlp=true ${scan} pass_threshold=70[0,100]`;
const stats =
  "dataset_path exists total_images scanned_images scan_limited total_size_bytes caption_non_empty_count caption_missing_count caption_empty_count caption_coverage_pct";
const planned =
  "profile model_name resolution batch_size learning_rate steps rank alpha low_vram estimated_minutes";
const below = (at: string, names: string) =>
  names
    .split(" ")
    .map((name) => `${at}.${name}`)
    .join(" ");

/** What the earlier systems documented, and what their programs took and gave beside it. */
const documented: Readonly<Record<string, Documented>> = {
  "create-training-config": {
    takes:
      "name model_name dataset_path resolution batch_size learning_rate lr steps rank alpha use_wandb=false low_vram trigger_word test_prompts prompts disable_sampling=false optimizer noise_scheduler is_flux is_xl is_v3 quantize gradient_checkpointing cache_latents caption_dropout_rate",
    gives: "status config path model.requested model.resolved model.source dataset_path steps rank",
  },
  "validate-training-config": {
    takes: `config config_name name model_name dataset_path resolution batch_size learning_rate steps rank alpha low_vram trigger_word test_prompts check_dataset=true ${scan}`,
    gives: `valid errors[].code errors[].message errors[].field errors[].value warnings[].code warnings[].message suggested_fixes normalized_config.job_name ${below(
      "normalized_config.model",
      "name_or_path resolved_name_or_path resolution_source arch is_flux_model is_flux_arch low_vram",
    )} ${below("normalized_config.dataset", "path exists stats")} ${below(
      "normalized_config.train",
      "resolution batch_size steps learning_rate rank alpha",
    )} ${below("normalized_config.sample", "prompt_count trigger_word")} ${below(
      "summary",
      "error_count warning_count is_flux_model dataset_checked",
    )} ${below(
      "config_context",
      "config_source requested_config_name check_dataset max_dataset_files",
    )}`,
  },
  "recommend-training-plan": {
    takes: `goal base_model model_name dataset_path config_name time_budget_minutes target_vram_gb include_dataset_scan=true ${scan}`,
    gives: `generated_at inputs ${below(
      "context",
      "config_name config_source dataset_source max_dataset_files",
    )} ${below("dataset_analysis", stats)} system_snapshot next_actions ${below(
      "plan",
      "plan_version goal_profile model_family is_flux_model confidence assumptions warnings rationale",
    )} ${below("plan.recommended_plan", planned)} ${below("plan.alternative_plans[]", planned)}`,
  },
  "run-training-with-guardrails": {
    takes: `config_name check_dataset=true ${scan} block_on_validation_fail=true monitor_seconds[0,3600] poll_interval_seconds[2,300] stop_on_nan=true stop_on_repeated_oom=true stop_on_stalled_progress=true stop_on_throughput_collapse=true oom_threshold=3[1,100] stall_window_seconds[10,3600] min_step_delta=1[1,1000] throughput_floor_iter_per_sec[0,1000] low_speed_consecutive_polls[1,20] log_lines[100,20000]`,
    gives: `started status config_name job_id validation guardrails ${below(
      "monitor",
      "monitor_seconds poll_interval_seconds snapshot_count",
    )} ${below(
      "monitor.snapshots[]",
      "elapsed_seconds status current_step progress_pct iter_per_sec_latest quality_status error_severity triggers",
    )} triggered_guardrails stop_result final_status error`,
  },
  "watch-training-timeseries": {
    takes: `job_id duration_seconds[0,7200] poll_interval_seconds[2,300] log_lines[100,20000] include_system=true include_alerts=true include_dataset=false include_nlp=false dataset_path config_name stop_on_terminal_status=true include_raw_log_excerpt=false excerpt_lines=80[10,1000] ${scan}`,
    gives: `job_id generated_at ${below(
      "window",
      "duration_seconds_requested poll_interval_seconds points_collected elapsed_seconds_actual",
    )} ${below(
      "config_context",
      "requested_config_name resolved_config_name config_source",
    )} ${below("dataset_context", "dataset_path dataset_source dataset_analysis")} ${below(
      "summary",
      "point_count step.start step.end step.delta iter_per_sec.mean iter_per_sec.max iter_per_sec.trend_pct loss.start loss.end loss.delta_pct gpu.util_mean_pct gpu.memory_peak_mb status_counts health_counts alerts.total_alerts alerts.critical_points alerts.warning_points",
    )} nlp_summary.style_flag_counts nlp_summary.caption_token_diversity_mean final_status ${below(
      "points[]",
      "timestamp elapsed_seconds status current_step total_steps progress_pct iter_per_sec speed_status loss_last quality_status error_severity error_mentions overall_health alert_count alert_max_severity gpu_utilization_pct gpu_memory_used_mb gpu_memory_total_mb cpu_percent ram_used_gb ram_total_gb alerts nlp.caption_token_diversity nlp.style_flags raw_log_excerpt",
    )}`,
  },
  "compare-training-runs": {
    takes: `job_ids limit=5[1,50] log_lines[100,20000] include_dataset=true include_nlp=false ${scan} only_terminal_runs=false`,
    gives: `generated_at inputs compared_count skipped_runs[].job_id skipped_runs[].reason skipped_runs[].status ${below(
      "ranking",
      "ranking[].scores ranking[].rank ranking[].delta_to_winner ranking[].job_id winner_job_id winner_score score_spread",
    )}`,
  },
  "evaluate-lora": {
    takes: `job_id ${judged} rubric_weights`,
    gives: `generated_at job_id inputs overall_score grade passed ${below(
      "evaluation",
      "overall_score grade passed pass_threshold components weights diagnostics",
    )} run_report`,
  },
  "suggest-next-experiment": {
    takes: `job_id job_ids ${judged}`,
    gives: `generated_at status inputs selected_job_id selected_evaluation selected_run_report recommendation_type parameter ${below(
      "recommendation",
      "recommendation_type parameter current proposed expected_impact risk_level rationale validation_plan",
    )} ${below("candidate_scores[]", "job_id overall_score grade passed")} skipped_candidates requested_job_ids`,
  },
  "auto-improve-dataset": {
    takes:
      "dataset_path config_name max_dataset_files[100,50000] apply=false trigger_word fill_missing_captions=true fill_empty_captions=true quarantine_duplicates=false quarantine_corrupt=true",
    gives: `generated_at dataset_path config_name config_source applied options analysis_before analysis_after plan.missing_captions plan.corrupt_images ${below(
      "inspection",
      "dataset_path exists missing_caption_files empty_caption_files duplicate_files corrupt_files scanned_images",
    )} ${below("plan_actions[]", "action count enabled")} ${below(
      "apply_result",
      "captions_created empty_captions_filled duplicates_quarantined corrupt_quarantined moved_files[].type moved_files[].path skipped",
    )}`,
  },
  "export-observability-report": {
    takes:
      "job_id config_name dataset_path output_dir filename_prefix lines=800[100,20000] max_dataset_files[100,50000] include_dataset=true include_nlp=true include_evaluation=true include_raw_log_excerpt=false",
    gives:
      "success job_id json_report_path markdown_report_path json_path markdown_path output_dir overall_health alert_count evaluation_score",
  },
  "alert-routing": {
    takes:
      "job_id alerts sink destination min_severity=warning lines[100,20000] include_context=true state_path dedupe_window_seconds[0,604800] rate_limit_window_seconds[1,604800] max_alerts_per_window[0,100000] webhook_retry_attempts[1,10] webhook_backoff_ms[0,60000] webhook_backoff_multiplier[1,10] webhook_timeout_seconds[1,300] webhook_retry_status_codes config_name dataset_path",
    gives: `generated_at min_severity alerts_in alerts_after_severity_filter alerts_after_dedupe_rate_limit alerts_routed routed_count suppressed_count destination ${below(
      "routing_controls",
      "state_path delivery_success dedupe_window_seconds rate_limit_window_seconds max_alerts_per_window webhook_retry_attempts webhook_backoff_ms webhook_backoff_multiplier webhook_timeout_seconds webhook_retry_status_codes",
    )} ${below(
      "filter_stats",
      "input_alerts routed_alerts dropped_duplicate dropped_rate_limit",
    )} ${below(
      "route_result",
      "routed sink destination webhook_status webhook_error webhook_attempts webhook_retries webhook_history[].attempt webhook_history[].status webhook_history[].exception",
    )}`,
  },
  "list-configs": { gives: "configs" },
  "get-config": { takes: "name", gives: "name config yaml" },
  "delete-config": { takes: "name", gives: "success deleted" },
  "get-training-info": {
    takes: "name",
    gives:
      "trigger_word model_name resolution steps rank learning_rate test_prompts total_jobs active_jobs configs datasets models supported_models max_resolution gpu_info training_presets",
  },
  "upload-dataset": {
    takes: "dataset_name images",
    gives: "status dataset images_saved path",
  },
  "list-datasets": {
    gives: below(
      "datasets[]",
      "name path image_count caption_count missing_captions total_size_bytes",
    ),
  },
  "get-dataset-info": {
    takes: "name",
    gives: "name path image_count caption_count captions_complete missing_captions total_size_mb",
  },
  "delete-dataset": { takes: "name", gives: "success deleted" },
  "list-comfyui-models": { takes: "query limit=50[1,500]", gives: "models[].name models[].path" },
  "start-training": {
    takes: "config_name",
    gives: "status success job_id estimated_time",
  },
  "get-training-status": {
    takes: "job_id",
    gives:
      "status job_id job_name progress config current_step total_steps loss estimated_time_remaining info speed_string process.pid",
  },
  "stop-training": { takes: "job_id", gives: "status success job_id" },
  "list-training-jobs": {
    gives: below("jobs[]", "job_id job_name status config current_step total_steps progress"),
  },
  "get-training-logs": { takes: "job_id lines=100", gives: "job_id logs lines total_lines" },
  "get-training-observability": {
    takes: `job_id lines[10,20000] config_name dataset_path include_dataset=true include_nlp=true include_raw_log_excerpt=false excerpt_lines=120[10,1000] ${scan} include_evaluation=true include_next_experiment=true pass_threshold=70[0,100] include_baseline_comparison=false baseline_job_ids baseline_limit=5[1,50]`,
    gives:
      "job_id generated_at overall_health status_snapshot system_snapshot config_context logs speed_analysis quality_analysis error_analysis dataset_analysis nlp_analysis dataset_resolution alerts raw_log_excerpt analysis_mode inputs run_report evaluation intelligence next_experiment baseline_comparison",
  },
  "export-model": {
    takes: "job_id model_name format output_path",
    gives: "status path size",
  },
  "list-exported-models": {
    gives: below("models[]", "name path size extension size_mb modified_at"),
  },
  "download-model": {
    takes: "model_path model_name encoding include_metadata=true",
    gives:
      "status model data size size_mb note filename content path metadata metadata_source training_config",
  },
  "delete-model": { takes: "name", gives: "success deleted" },
  "get-system-stats": {
    gives:
      "gpu_name cpu_percent memory_percent disk_usage_percent gpu.cuda_available gpu.note gpu_memory_used gpu_memory_total gpu_utilization system_memory disk_space active_jobs ram_used_gb ram_total_gb",
  },
  "list-model-presets": {
    gives: `note ${below(
      "presets[]",
      "name model_path description is_flux is_xl is_v3 recommended_resolution recommended_scheduler requires_quantize min_vram_gb",
    )}`,
  },
};

function contractOf(name: string): ToolContract {
  const contract = findTool(name);
  if (contract === null) throw new Error(`no tool ${name}`);
  return contract;
}

/** Every path that a schema knows; an open object knows what is below it. */
function paths(schema: JsonSchema): (path: string) => boolean {
  const known = new Set<string>();
  const open = new Set<string>();
  const walk = (node: JsonSchema, at: string): void => {
    for (const key of ["anyOf", "oneOf", "allOf"])
      for (const one of (node[key] ?? []) as JsonSchema[]) walk(one, at);
    if (node["items"] !== undefined) walk(node["items"] as JsonSchema, `${at}[]`);
    if (node["additionalProperties"] !== undefined && node["additionalProperties"] !== false)
      open.add(at);
    for (const [key, value] of Object.entries((node["properties"] ?? {}) as JsonSchema)) {
      const path = at === "" ? key : `${at}.${key}`;
      known.add(path);
      walk(value as JsonSchema, path);
    }
  };
  walk(schema, "");
  return (path) => known.has(path) || [...open].some((at) => path.startsWith(`${at}.`));
}

describe.each(Object.entries(documented))("%s", (name, { takes = "", gives }) => {
  const contract = contractOf(name);
  const properties = (inputJsonSchema(contract)["properties"] ?? {}) as JsonSchema;

  it("takes every parameter by its name, with its bounds and its default", () => {
    const least = sampleOf(contract.input) as Record<string, unknown>;
    for (const parameter of takes.split(" ").filter(Boolean)) {
      const [, key = "", initial, from, to] =
        /^(\w+)(?:=([\w.]+))?(?:\[(\d+),(\d+)\])?$/.exec(parameter) ?? [];
      const canonical = synonymsOf(contract.name).get(key) ?? key;
      const property = properties[canonical] as JsonSchema | undefined;

      expect([parameter, property]).not.toEqual([parameter, undefined]);
      if (initial !== undefined)
        expect([parameter, String(property?.["default"])]).toEqual([parameter, initial]);
      for (const bound of [from, to].filter((one) => one !== undefined)) {
        const args = applySynonyms(contract.name, { ...least, [key]: Number(bound) });
        expect(() => parseArguments(contract, args)).not.toThrow();
      }
    }
  });

  it("gives every field", () => {
    const knows = paths(outputJsonSchema(contract));

    expect(gives.split(" ").filter((path) => !knows(path))).toEqual([]);
  });
});
