import { tokenDiversity } from "@trainyard/shared/analysis/dataset-score.ts";
import type { BucketPlan } from "@trainyard/shared/dataset/buckets.ts";
import type { DatasetProblem } from "@trainyard/shared/dataset/dataset-problems.ts";
import type { Diagnosis } from "@trainyard/shared/dataset/diagnose.ts";
import type { DatasetDiagnosisView } from "@trainyard/shared/tools/dataset-view.ts";

const filesShown = 10;
const groupsShown = 10;
const groupFilesShown = 5;
const bucketsShown = 8;

/** A diagnosis as answers have it: the fields of peers 2.2 and 2.3, and ours. */
export function analysisView(
  diagnosis: Diagnosis,
  problems: readonly DatasetProblem[],
): DatasetDiagnosisView {
  return {
    ...countsView(diagnosis),
    ...captionsView(diagnosis),
    ...filesView(diagnosis),
    buckets: diagnosis.buckets.map((plan) => bucketView(plan, diagnosis.sides)),
    dataset_quality_score: diagnosis.score,
    caption_quality_score: diagnosis.captionScore,
    findings: problems.map(({ examples, ...problem }) => ({ ...problem, examples: [...examples] })),
  };
}

function countsView(diagnosis: Diagnosis): DatasetDiagnosisView {
  const { facts, captions, wanted } = diagnosis;
  return {
    dataset_path: diagnosis.datasetPath,
    exists: true,
    total_images: diagnosis.images,
    scanned_images: diagnosis.scanned,
    scan_limited: diagnosis.limited,
    total_size_bytes: diagnosis.totalBytes,
    caption_non_empty_count: captions.filled,
    caption_missing_count: captions.missing,
    caption_empty_count: captions.empty,
    caption_coverage_pct: wanted === 0 ? null : hundredths((100 * captions.filled) / wanted),
    resolution_width: diagnosis.width,
    resolution_height: diagnosis.height,
    aspect_ratio: diagnosis.aspect,
    corrupt_image_count: facts.corrupt ?? diagnosis.corrupt.length,
    duplicate_image_estimate: diagnosis.copies.reduce((sum, group) => sum + group.length - 1, 0),
    near_duplicate_count: diagnosis.alike.reduce((sum, group) => sum + group.length - 1, 0),
    low_resolution_count: diagnosis.lowResolution.length,
    extreme_aspect_ratio_count: diagnosis.extremeAspect.length,
  };
}

function captionsView({
  captionSummary: summary,
  captionExamples,
  captionRichness,
  styleFlags,
  trigger,
}: Diagnosis): DatasetDiagnosisView {
  const terms = summary?.topTerms.map(({ term, count }) => ({ term, count })) ?? [];
  return {
    unique_caption_ratio: tenThousandths(summary?.uniqueRatio ?? null),
    caption_words: summary?.words ?? null,
    caption_chars: summary?.characters ?? null,
    top_caption_terms: terms.slice(0, 20),
    caption_top_terms: terms,
    caption_examples: [...captionExamples],
    caption_token_count: summary?.tokens ?? 0,
    caption_vocabulary_size: summary?.vocabulary ?? 0,
    caption_token_diversity: tokenDiversity(summary),
    caption_vocabulary_richness: captionRichness,
    caption_ascii_ratio: tenThousandths(summary?.asciiRatio ?? null),
    style_flags: [...styleFlags],
    trigger:
      trigger === null
        ? null
        : {
            word: trigger.word,
            caption_count: trigger.images,
            missing_count: trigger.missing.length,
            missing_examples: trigger.missing.slice(0, filesShown),
          },
  };
}

function filesView(diagnosis: Diagnosis): DatasetDiagnosisView {
  const { tree } = diagnosis;
  const groups = (list: readonly (readonly string[])[]): string[][] =>
    list.slice(0, groupsShown).map((group) => group.slice(0, groupFilesShown));
  return {
    corrupt_image_examples: diagnosis.corrupt.slice(0, filesShown),
    duplicate_groups: groups(diagnosis.copies),
    near_duplicate_groups: groups(diagnosis.alike),
    low_resolution_examples: diagnosis.lowResolution.slice(0, filesShown),
    problem_files: diagnosis.problems.slice(0, filesShown).map((file) => ({ ...file })),
    skipped_files: tree.skipped.slice(0, filesShown).map((file) => ({ ...file })),
    sub_folders: diagnosis.folders
      .slice(0, filesShown)
      .map(({ path, images, putAside, companion }) => ({
        path,
        images,
        reads_as: putAside ? "put_aside" : companion ? "masks_or_controls" : null,
      })),
    files_not_trained: { ...tree.notTrained },
    other_caption_files: { ...tree.otherCaptions },
    stray_captions: tree.strayCaptions.slice(0, filesShown),
    video_count: tree.videos,
    sound_count: tree.sounds,
  };
}

function bucketView(plan: BucketPlan, sides: number) {
  return {
    resolution: plan.resolution,
    divisibility: sides,
    bucket_count: plan.buckets.length,
    smaller_than_resolution: plan.smaller,
    cropped_pct: hundredths(100 * plan.croppedRatio),
    buckets: plan.buckets.slice(0, bucketsShown).map((bucket) => ({ ...bucket })),
  };
}

function hundredths(value: number): number {
  return Math.round(100 * value) / 100;
}

function tenThousandths(value: number | null): number | null {
  return value === null ? null : Math.round(10_000 * value) / 10_000;
}
