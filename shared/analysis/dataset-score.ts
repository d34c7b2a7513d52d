import type { CaptionStatistics, DatasetRunFacts } from "./run-facts.ts";
import { round, scored, unknownScore } from "./score.ts";
import type { Score } from "./score.ts";

/** Images with a caption that is not empty, in per cent of those looked at; null when unknown. */
export function captionCoveragePct(dataset: DatasetRunFacts): number | null {
  const of = dataset.scanned ?? dataset.images;
  if (of === null || of <= 0 || dataset.captioned === null) return null;
  return Math.min(100, round((100 * dataset.captioned) / of, 2));
}

/**
 * `dataset_quality_v2`: the seeds' formula (peers 2.2), 100 − 0.45·(100 − coverage) − min(40, 0.9·duplicate %)
 * − min(60, 12·corrupt) − min(20, 0.3·low-resolution %) − min(15, 0.25·extreme-aspect %). What was not looked at takes
 * nothing off and is named in `not_checked`; 0 for a set without images; unknown when nobody looked or it was not there.
 */
export function datasetScore(dataset: DatasetRunFacts | null): Score {
  const rule = "dataset_quality_v2";
  if (dataset === null) return unknownScore(rule, "dataset_not_analysed");
  if (!dataset.exists) return unknownScore(rule, "dataset_not_found");
  if (dataset.foundEmpty) {
    const images = dataset.foundEmpty.imagesAtStart;
    return unknownScore(rule, "dataset_found_empty", { images_at_start: images });
  }
  const scanned = dataset.scanned ?? dataset.images;
  if (scanned === null) return unknownScore(rule, "dataset_not_analysed");
  const coverage = captionCoveragePct(dataset);
  const evidence = {
    images: dataset.images,
    scanned,
    caption_coverage_pct: coverage,
    duplicates: dataset.duplicates,
    corrupt: dataset.corrupt,
    low_resolution: dataset.lowResolution,
    extreme_aspect: dataset.extremeAspect,
  };
  if (scanned === 0) return scored(rule, 0, evidence);
  if (coverage === null) return unknownScore(rule, "captions_not_counted", evidence);
  const pct = (count: number | null): number => (100 * (count ?? 0)) / scanned;
  const value =
    100 -
    0.45 * (100 - coverage) -
    Math.min(40, 0.9 * pct(dataset.duplicates)) -
    Math.min(60, 12 * (dataset.corrupt ?? 0)) -
    Math.min(20, 0.3 * pct(dataset.lowResolution)) -
    Math.min(15, 0.25 * pct(dataset.extremeAspect));
  const notChecked = (["duplicates", "corrupt", "lowResolution", "extremeAspect"] as const)
    .filter((name) => dataset[name] === null)
    .map((name) => publicNames[name]);
  return scored(rule, value, { ...evidence, not_checked: notChecked });
}

const publicNames = {
  duplicates: "duplicates",
  corrupt: "corrupt",
  lowResolution: "low_resolution",
  extremeAspect: "extreme_aspect",
} as const;

const styleFlags = ["caption_vocabulary_low_diversity", "captions_too_short"] as const;
export type StyleFlag = (typeof styleFlags)[number];

/** Different words divided by words, 4 decimals (peers 2.3); null without words, where the seed says 0. */
export function tokenDiversity(captions: CaptionStatistics | null): number | null {
  if (captions === null || captions.tokens === 0) return null;
  return round(captions.vocabulary / captions.tokens, 4);
}

/**
 * Herdan's C, log vocabulary / log words, which does not shrink as a set grows: words ÷ different words does, so the
 * seeds' bands call every set of some hundred captions poor. The bands below are theirs, as they stand at 100 words.
 */
export function vocabularyRichness(captions: CaptionStatistics | null): number | null {
  if (captions === null || captions.tokens < 2 || captions.vocabulary < 1) return null;
  return round(Math.log(captions.vocabulary) / Math.log(captions.tokens), 4);
}

const richnessBands = [
  { from: 0.826, score: 92 },
  { from: 0.738, score: 78 },
  { from: 0.65, score: 63 },
] as const;
const poorScore = 45;

export function captionStyleFlags(captions: CaptionStatistics | null): StyleFlag[] {
  if (captions === null || captions.captions === 0) return [];
  const flags: StyleFlag[] = [];
  const richness = vocabularyRichness(captions);
  if (richness !== null && richness < richnessBands[2].from) {
    flags.push("caption_vocabulary_low_diversity");
  }
  if (captions.meanWords < 4) flags.push("captions_too_short");
  return flags;
}

/** `caption_quality_v2`: 92, 78, 63 or 45 by richness, −12 low diversity, −15 too short (peers 2.3). Unknown without captions. */
export function captionScore(captions: CaptionStatistics | null): Score {
  const rule = "caption_quality_v2";
  if (captions === null) return unknownScore(rule, "captions_not_analysed");
  const richness = vocabularyRichness(captions);
  const evidence = {
    captions: captions.captions,
    tokens: captions.tokens,
    vocabulary: captions.vocabulary,
    richness,
    mean_words: round(captions.meanWords, 2),
  };
  if (captions.captions === 0) return unknownScore(rule, "no_captions", evidence);
  if (richness === null) return unknownScore(rule, "too_few_words", evidence);
  const flags = captionStyleFlags(captions);
  const base = richnessBands.find(({ from }) => richness >= from)?.score ?? poorScore;
  const off =
    (flags.includes("caption_vocabulary_low_diversity") ? 12 : 0) +
    (flags.includes("captions_too_short") ? 15 : 0);
  return scored(rule, base - off, { ...evidence, style_flags: flags });
}
