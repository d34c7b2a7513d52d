import { z } from "zod";
import { datasetAnalysis } from "./dataset-view.ts";
import { defineTool } from "./define-tool.ts";
import {
  agent,
  configInput,
  count,
  detail,
  jsonValue,
  maxDatasetFiles,
  maybe,
  nameOrPath,
} from "./vocabulary.ts";

const validationIssue = z.object({
  code: z.string(),
  message: z.string(),
  field: z.string().optional(),
  value: jsonValue.optional(),
});
export type ValidationIssue = z.input<typeof validationIssue>;

/** Also the `validation` block of run-training-with-guardrails. */
export const validationReport = z.object({
  valid: z.boolean(),
  errors: z.array(validationIssue),
  warnings: z.array(validationIssue),
  suggested_fixes: z.array(z.string()),
  normalized_config: z
    .object({
      job_name: z.string().nullable(),
      trainer: maybe(z.string()),
      model: z.object({
        name_or_path: z.string().nullable(),
        resolved_name_or_path: z.string().nullable(),
        resolution_source: z.string().nullable(),
        arch: z.string().nullable(),
        is_flux_model: z.boolean(),
        is_flux_arch: z.boolean(),
        low_vram: z.boolean().nullable(),
      }),
      dataset: z.object({
        path: z.string().nullable(),
        exists: z.boolean().nullable(),
        stats: maybe(datasetAnalysis),
      }),
      train: z.object({
        resolution: z.array(z.number()),
        batch_size: z.number().nullable(),
        steps: z.number().nullable(),
        learning_rate: z.number().nullable(),
        rank: z.number().nullable(),
        alpha: z.number().nullable(),
      }),
      sample: z.object({ prompt_count: count, trigger_word: z.string().nullable() }),
    })
    .optional(),
  summary: z.object({
    error_count: count,
    warning_count: count,
    is_flux_model: z.boolean().optional(),
    dataset_checked: z.boolean().optional(),
  }),
  config_context: z
    .object({
      config_source: z.enum(["config_argument", "saved_config", "draft_parameters"]),
      requested_config_name: z.string().nullable(),
      check_dataset: z.boolean(),
      max_dataset_files: count,
    })
    .optional(),
});
export type ValidationReport = z.input<typeof validationReport>;

export const validateTrainingConfig = defineTool({
  name: "validate-training-config",
  title: "Validate training config",
  description:
    "Checks a saved config (config_name), a raw one (config) or a draft (model_name, dataset_path) before it costs GPU time: errors, warnings, fixes. Changes nothing.",
  input: z.strictObject({
    config_name: nameOrPath.optional(),
    config: configInput.optional().describe("Object, JSON or YAML; wins over the rest."),
    name: nameOrPath.optional(),
    model_name: z.string().min(1).max(500).optional(),
    dataset_path: nameOrPath.optional(),
    /** Numbers of a draft are judged by the handler: a value out of range is a finding here, not a refusal. */
    resolution: z.union([z.number(), z.array(z.number()).max(16)]).default(512),
    batch_size: z.number().default(1),
    learning_rate: z.number().default(0.0002),
    steps: z.number().default(1_000),
    rank: z.number().default(16),
    alpha: z.number().default(16),
    low_vram: z.boolean().default(true),
    trigger_word: z.string().max(200).optional(),
    test_prompts: z.array(z.string().max(2_000)).max(64).optional(),
    check_dataset: z.boolean().default(true),
    max_dataset_files: maxDatasetFiles,
    agent,
    detail,
  }),
  /** Called by its older name, `validate-config`, it answers that tool's plain sentences. */
  output: validationReport.extend({
    errors: z.array(z.union([validationIssue, z.string()])),
    warnings: z.array(z.union([validationIssue, z.string()])),
  }),
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "read",
  runsOn: "edge",
  core: true,
});
