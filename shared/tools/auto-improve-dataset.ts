import { z } from "zod";
import { datasetDiagnosis, scanProgress } from "./dataset-view.ts";
import { defineTool } from "./define-tool.ts";
import { agent, count, detail, instant, maybe, nameOrPath, triggerWord } from "./vocabulary.ts";

const skipped = z.object({ skipped: z.literal(true) });
const files = z.array(z.string());

export const autoImproveDataset = defineTool({
  name: "auto-improve-dataset",
  title: "Repair dataset",
  description:
    "Repairs a dataset: removes damaged files and copies to a quarantine, fills captions. Plans only unless apply; undo-dataset-change reverts.",
  input: z.strictObject({
    dataset_path: nameOrPath.optional(),
    config_name: nameOrPath.optional(),
    max_dataset_files: z.int().min(100).max(50_000).default(5_000),
    apply: z.boolean().default(false),
    trigger_word: triggerWord,
    fill_missing_captions: z.boolean().default(true),
    fill_empty_captions: z.boolean().default(true),
    quarantine_duplicates: z.boolean().default(false),
    quarantine_corrupt: z.boolean().default(true),
    agent,
    detail,
  }),
  output: z.object({
    generated_at: instant,
    dataset_path: z.string(),
    config_name: z.string().nullable(),
    config_source: z.enum(["argument", "saved_config"]),
    applied: z.boolean(),
    change_id: maybe(z.string()).describe("For undo-dataset-change."),
    scan: scanProgress,
    options: z.record(z.string(), z.union([z.boolean(), z.string(), z.null()])).optional(),
    plan: z.object({
      missing_captions: count,
      empty_captions: count,
      duplicate_images: count,
      corrupt_images: count,
    }),
    plan_actions: z.array(z.object({ action: z.string(), count, enabled: z.boolean() })),
    inspection: z
      .object({
        dataset_path: z.string(),
        exists: z.boolean(),
        missing_caption_files: files,
        empty_caption_files: files,
        duplicate_files: files,
        corrupt_files: files,
        scanned_images: count,
      })
      .optional(),
    apply_result: z.union([
      z.object({
        captions_created: count,
        empty_captions_filled: count,
        duplicates_quarantined: count,
        corrupt_quarantined: count,
        leftovers_quarantined: count,
        quarantine_path: maybe(z.string()),
        moved_files: z.array(z.object({ type: z.string(), path: z.string() })),
      }),
      skipped,
    ]),
    analysis_before: z.union([datasetDiagnosis, skipped]).optional(),
    analysis_after: z.union([datasetDiagnosis, skipped]).optional(),
  }),
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "train",
  runsOn: "agent",
  core: false,
});
