import { captionCoveragePct } from "./dataset-score.ts";
import type { StyleFlag } from "./dataset-score.ts";
import type { FindingCode, RunFinding, Severity } from "./findings.ts";
import type { DatasetRunFacts } from "./run-facts.ts";

/** Thresholds of peers 2.7. What nobody looked at is no finding. */
export function datasetFindings(dataset: DatasetRunFacts | null): RunFinding[] {
  const found: RunFinding[] = [];
  if (dataset === null) return found;
  const add = (
    code: FindingCode,
    severity: Severity,
    confidence: number,
    message: string,
    evidence: RunFinding["evidence"],
  ): void => {
    found.push({ code, severity, category: "dataset", message, confidence, evidence });
  };
  if (!dataset.exists) {
    add("DATASET_NOT_FOUND", "warning", 0.7, "The dataset was not found on the box.", {});
    return found;
  }
  if (dataset.foundEmpty) {
    add("DATASET_EMPTY", "critical", 0.94, "The trainer found no images in the dataset.", {
      images_at_start: dataset.foundEmpty.imagesAtStart,
    });
    return found;
  }
  if (dataset.images === 0) {
    add("DATASET_EMPTY", "critical", 0.94, "The dataset holds no images.", { images: 0 });
    return found;
  }
  const coverage = captionCoveragePct(dataset);
  if (coverage !== null && coverage < 90) {
    add("DATASET_CAPTIONS_MISSING", "warning", 0.74, "Many images have no caption.", {
      caption_coverage_pct: coverage,
      empty_captions: dataset.emptyCaptions,
    });
  }
  if ((dataset.duplicates ?? 0) > 0) {
    add("DATASET_DUPLICATES", "warning", 0.76, "Some images are in the dataset more than once.", {
      duplicates: dataset.duplicates,
    });
  }
  if ((dataset.corrupt ?? 0) > 0) {
    add("DATASET_CORRUPT_IMAGES", "critical", 0.94, "Some images cannot be read.", {
      corrupt: dataset.corrupt,
    });
  }
  return found;
}

export function captionFindings(flags: readonly StyleFlag[]): RunFinding[] {
  return flags.map((flag) =>
    flag === "captions_too_short"
      ? {
          code: "CAPTIONS_TOO_SHORT",
          severity: "warning",
          category: "nlp",
          message: "The captions are very short.",
          confidence: 0.66,
          evidence: { style_flag: flag },
        }
      : {
          code: "CAPTIONS_LOW_DIVERSITY",
          severity: "warning",
          category: "nlp",
          message: "The captions repeat few words.",
          confidence: 0.66,
          evidence: { style_flag: flag },
        },
  );
}
