/** The dataset block of validation and observability answers; `{skipped: true}` where it was not asked for. */
import { z } from "zod";
import { count, maybe } from "./vocabulary.ts";

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
