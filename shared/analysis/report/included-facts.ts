import type { RunFacts } from "../run-facts.ts";

/** What a report leaves out on request; the seeds answer exactly `{skipped: true}` for it. */
export interface Included {
  readonly includeDataset: boolean;
  readonly includeNlp: boolean;
}

/** What is left out of a report is not judged either: a score must not rest on what the reader cannot see. */
export function onlyIncluded(facts: RunFacts, include: Included): RunFacts {
  if (facts.dataset === null || (include.includeDataset && include.includeNlp)) return facts;
  if (!include.includeDataset) {
    if (!include.includeNlp || facts.dataset.captions === null) return { ...facts, dataset: null };
    // Captions alone are still judged: counts of the images become unknown.
    return {
      ...facts,
      dataset: { ...captionsOnly, path: facts.dataset.path, captions: facts.dataset.captions },
    };
  }
  return { ...facts, dataset: { ...facts.dataset, captions: null } };
}

const captionsOnly = {
  exists: true,
  images: null,
  scanned: null,
  scanLimited: false,
  captioned: null,
  emptyCaptions: null,
  totalBytes: null,
  corrupt: null,
  duplicates: null,
  lowResolution: null,
  extremeAspect: null,
} as const;
