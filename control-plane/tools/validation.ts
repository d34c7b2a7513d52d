import { limits } from "@trainyard/shared/limits.ts";
import type { DatasetFacts as BoxFacts } from "@trainyard/shared/protocol/operations/preflight.ts";
import type { DatasetAnalysisView } from "@trainyard/shared/tools/dataset-view.ts";
import type {
  ValidationIssue,
  ValidationReport,
} from "@trainyard/shared/tools/validate-training-config.ts";
import { warning } from "@trainyard/shared/training/finding.ts";
import type { DatasetFacts, Finding } from "@trainyard/shared/training/finding.ts";
import { validateDocument } from "@trainyard/shared/training/validate.ts";
import type { Validation } from "@trainyard/shared/training/validate.ts";
import type { BoxCheck } from "./box-check.ts";
import type { Detail } from "./context.ts";

export function judge(document: unknown, check: BoxCheck): Validation {
  const { facts, companions, model, cuda, reason } = check;
  const validation = validateDocument(document, {
    ...(facts === null
      ? {}
      : { datasets: Object.fromEntries(facts.map((one) => [one.reference, judgedFacts(one)])) }),
    companions,
    ...(model == null
      ? {}
      : { model: { resolved: model.resolved, directoryValid: model.partsThere } }),
    cuda,
  });
  const unchecked =
    reason === null
      ? []
      : [
          warning("DATASET_NOT_CHECKED", `The dataset was not checked: ${reason}`, {
            fix: "Check again when the box is connected; with several boxes, name one in agent.",
          }),
        ];
  // What the document's own errors say already, the box says once more in its words.
  const refused = validation.valid ? check.refusals : [];
  return withFindings(validation, [...refused, ...unchecked]);
}

function withFindings(validation: Validation, added: readonly Finding[]): Validation {
  const errors = [...validation.errors, ...added.filter(({ severity }) => severity === "error")];
  const fixes = added.flatMap(({ fix }) => (fix === undefined ? [] : [fix]));
  return {
    ...validation,
    valid: errors.length === 0,
    errors,
    warnings: [...validation.warnings, ...added.filter(({ severity }) => severity === "warning")],
    suggestedFixes: [...new Set([...validation.suggestedFixes, ...fixes])],
  };
}

function judgedFacts(facts: BoxFacts): DatasetFacts {
  return {
    exists: facts.exists,
    isDirectory: facts.isDirectory,
    images: facts.images,
    scanned: facts.images,
    captionCoveragePct: coverage(facts),
    duplicates: facts.seen?.duplicates ?? null,
    corrupt: facts.seen?.corrupt ?? null,
  };
}

/** Share of pictures with a caption that says something, one decimal; null without pictures. */
function coverage(facts: BoxFacts): number | null {
  if (facts.images === 0) return null;
  const filled = Math.max(0, facts.captioned - facts.emptyCaptions);
  return Math.round((filled / facts.images) * 1_000) / 10;
}

export function datasetAnalysis(facts: BoxFacts): DatasetAnalysisView {
  return {
    dataset_path: facts.name === null ? facts.reference : `datasets/${facts.name}`,
    exists: facts.exists,
    ...(facts.exists
      ? facts.isDirectory
        ? {}
        : { error: "dataset_path_not_directory" as const }
      : { error: "dataset_path_not_found" as const }),
    total_images: facts.images,
    scanned_images: facts.images,
    scan_limited: facts.scanLimited,
    total_size_bytes: facts.totalBytes,
    caption_non_empty_count: Math.max(0, facts.captioned - facts.emptyCaptions),
    caption_missing_count: Math.max(0, facts.images - facts.captioned),
    caption_empty_count: facts.emptyCaptions,
    caption_coverage_pct: coverage(facts),
    ...seenAnalysis(facts),
    fingerprint: facts.fingerprint,
  };
}

/** What decoding told; nothing where nobody has looked at every picture. */
function seenAnalysis({ seen }: BoxFacts): DatasetAnalysisView {
  if (seen === null || seen === undefined) return {};
  const terms = seen.captions?.topTerms.slice(0, 20) ?? [];
  return {
    corrupt_image_count: seen.corrupt,
    duplicate_image_estimate: seen.duplicates,
    low_resolution_count: seen.lowResolution,
    extreme_aspect_ratio_count: seen.extremeAspect,
    unique_caption_ratio: seen.captions?.uniqueRatio ?? null,
    top_caption_terms: terms.map(({ term, count }) => ({ term, count })),
  };
}

export interface ReportContext {
  readonly source: "config_argument" | "saved_config" | "draft_parameters";
  readonly configName: string | null;
  readonly checkDataset: boolean;
  readonly maxDatasetFiles: number;
}

export function validationReport(
  validation: Validation,
  check: BoxCheck,
  about: ReportContext,
  detail: Detail,
): ValidationReport {
  const { normalized } = validation;
  const short: ValidationReport = {
    valid: validation.valid,
    errors: validation.errors.map(issueView),
    warnings: validation.warnings.map(issueView),
    suggested_fixes: [...validation.suggestedFixes],
    summary: {
      error_count: validation.errors.length,
      warning_count: validation.warnings.length,
      is_flux_model: normalized?.model.isFluxModel ?? false,
      dataset_checked: check.facts !== null,
    },
  };
  if (detail === "concise") return shortened(short);
  const facts = check.facts?.find(({ reference }) => reference === normalized?.dataset.path);
  return {
    ...short,
    ...(normalized === null
      ? {}
      : {
          normalized_config: {
            job_name: normalized.jobName,
            trainer: normalized.trainer,
            model: {
              name_or_path: normalized.model.nameOrPath,
              resolved_name_or_path:
                check.model == null || !check.model.resolved
                  ? null
                  : (check.model.path ?? normalized.model.nameOrPath),
              resolution_source: check.model?.source ?? null,
              arch: normalized.model.arch,
              is_flux_model: normalized.model.isFluxModel,
              is_flux_arch: normalized.model.isFluxArch,
              low_vram: normalized.model.lowVram,
            },
            dataset: {
              path: normalized.dataset.path,
              exists: facts?.exists ?? null,
              stats: facts === undefined ? null : datasetAnalysis(facts),
            },
            train: {
              resolution: [...normalized.train.resolution],
              batch_size: normalized.train.batchSize,
              steps: normalized.train.steps,
              learning_rate: normalized.train.learningRate,
              rank: normalized.train.rank,
              alpha: normalized.train.alpha,
            },
            sample: {
              prompt_count: normalized.sample.promptCount,
              trigger_word: normalized.sample.triggerWord,
            },
          },
        }),
    config_context: {
      config_source: about.source,
      requested_config_name: about.configName,
      check_dataset: about.checkDataset,
      max_dataset_files: about.maxDatasetFiles,
    },
  };
}

function issueView(finding: Finding): ValidationIssue {
  return {
    code: finding.code,
    message: finding.message,
    ...(finding.field === undefined ? {} : { field: finding.field }),
    ...(finding.value === undefined
      ? {}
      : { value: finding.value as NonNullable<ValidationIssue["value"]> }),
  };
}

/** Errors first: what does not fit is told by the counts in the summary. */
function shortened(report: ValidationReport): ValidationReport {
  let room = limits.conciseCharacters - 500;
  const take = <Entry>(entries: readonly Entry[]): Entry[] => {
    const taken: Entry[] = [];
    for (const entry of entries) {
      const characters = JSON.stringify(entry).length + 1;
      if (characters > room) break;
      room -= characters;
      taken.push(entry);
    }
    return taken;
  };
  return {
    ...report,
    errors: take(report.errors),
    suggested_fixes: take(report.suggested_fixes.slice(0, 3)),
    warnings: take(report.warnings),
  };
}
