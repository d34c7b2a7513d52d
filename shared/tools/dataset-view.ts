/** The dataset block of validation and observability answers; `{skipped: true}` where it was not asked for. */
import { z } from "zod";
import { count, maybe, severity } from "./vocabulary.ts";

const statistics = z.object({
  count,
  min: z.number().nullable(),
  max: z.number().nullable(),
  mean: z.number().nullable(),
  median: z.number().nullable(),
  last: z.number().nullable(),
  latest: maybe(z.number()),
});

const term = z.object({ term: z.string(), count });

export const datasetAnalysis = z.object({
  skipped: z.literal(true).optional(),
  dataset_path: maybe(z.string()),
  exists: z.boolean().optional(),
  error: z
    .enum([
      "dataset_path_not_found",
      "dataset_path_not_directory",
      "dataset_path_unresolved",
      "agent_offline",
    ])
    .optional(),
  total_images: count.optional(),
  scanned_images: count.optional(),
  scan_limited: z.boolean().optional(),
  total_size_bytes: count.optional(),
  caption_non_empty_count: count.optional(),
  caption_missing_count: count.optional(),
  caption_empty_count: count.optional(),
  caption_coverage_pct: maybe(z.number()),
  unique_caption_ratio: maybe(z.number()),
  resolution_width: maybe(statistics),
  resolution_height: maybe(statistics),
  aspect_ratio: maybe(statistics),
  corrupt_image_count: maybe(count),
  corrupt_image_examples: z.array(z.string()).optional(),
  duplicate_image_estimate: maybe(count),
  low_resolution_count: maybe(count),
  extreme_aspect_ratio_count: maybe(count),
  caption_words: maybe(statistics),
  caption_chars: maybe(statistics),
  top_caption_terms: z.array(term).optional(),
  caption_examples: z.array(z.string()).optional(),
  fingerprint: maybe(z.string()),
});
export type DatasetAnalysisView = z.input<typeof datasetAnalysis>;

/** Text of files and captions stands in these fields only. */
const paths = z.array(z.string());

/** What looking at every file adds; lists of files are cut, their counts are not. */
export const datasetDiagnosis = datasetAnalysis.extend({
  near_duplicate_count: maybe(count),
  duplicate_groups: z.array(paths).optional(),
  near_duplicate_groups: z.array(paths).optional(),
  low_resolution_examples: paths.optional(),
  caption_token_count: maybe(count),
  caption_vocabulary_size: maybe(count),
  caption_token_diversity: maybe(z.number()),
  caption_vocabulary_richness: maybe(z.number()),
  caption_ascii_ratio: maybe(z.number()),
  caption_top_terms: z.array(term).optional(),
  style_flags: z.array(z.string()).optional(),
  trigger: maybe(
    z.object({
      word: z.string(),
      caption_count: count,
      missing_count: count,
      missing_examples: paths,
    }),
  ),
  buckets: z
    .array(
      z.object({
        resolution: z.number(),
        divisibility: z.number(),
        bucket_count: count,
        smaller_than_resolution: count,
        cropped_pct: z.number(),
        buckets: z.array(z.object({ width: count, height: count, images: count })).optional(),
      }),
    )
    .optional(),
  problem_files: z.array(z.object({ path: z.string(), code: z.string() })).optional(),
  skipped_files: z.array(z.object({ path: z.string(), code: z.string() })).optional(),
  sub_folders: z
    .array(z.object({ path: z.string(), images: count, reads_as: z.string().nullable() }))
    .optional(),
  files_not_trained: z.record(z.string(), count).optional(),
  other_caption_files: z.record(z.string(), count).optional(),
  stray_captions: paths.optional(),
  video_count: count.optional(),
  sound_count: count.optional(),
  dataset_quality_score: maybe(z.number()),
  caption_quality_score: maybe(z.number()),
  findings: z
    .array(
      z.object({
        code: z.string(),
        severity,
        message: z.string().optional(),
        count,
        examples: paths.optional(),
        fix: z.string().optional(),
      }),
    )
    .optional(),
});
export type DatasetDiagnosisView = z.input<typeof datasetDiagnosis>;

/** A scan that outlasts a call goes on; the next call finds it done. */
export const scanProgress = z.object({
  state: z.enum(["done", "running"]),
  scanned: count,
  total: count,
});
