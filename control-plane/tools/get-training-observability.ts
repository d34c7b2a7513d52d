import { buildReport } from "@trainyard/shared/analysis/report/report.ts";
import type { Report, ReportInputs } from "@trainyard/shared/analysis/report/report.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type { getTrainingObservability as contract } from "@trainyard/shared/tools/get-training-observability.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import type { JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { boxHardware } from "./box-hardware.ts";
import { shortReport } from "./concise-report.ts";
import type { EdgeHandler } from "./context.ts";
import { fitList } from "./fit-list.ts";
import { distinct, gatherRun, gatherRuns, newestJobIds } from "./gather-runs.ts";
import type { GatheredRun, ReportSource } from "./gather-runs.ts";
import { jobNow } from "./job-now.ts";
import { logExcerpt } from "./log-excerpt.ts";
import { withDataset } from "./report-dataset.ts";
import { isoOrNull } from "./words.ts";

type Input = ToolInput<"get-training-observability">;
type Output = OutputOf<typeof contract>;

export const getTrainingObservability: EdgeHandler<"get-training-observability"> = async (
  input,
  context,
) => {
  const run = await gatherRun(input.job_id, context);
  const detail = context.detail(input.detail);
  const [hardware, dataset, baselines, rawLogExcerpt] = await Promise.all([
    detail === "full" ? boxHardware(run.view, limits.hardwareMaxAgeMs, context) : null,
    withDataset(run, { path: input.dataset_path, maxFiles: input.max_dataset_files }, context),
    input.include_baseline_comparison ? baselinesOf(input, context) : null,
    input.include_raw_log_excerpt && detail === "full"
      ? logExcerpt(run, input.excerpt_lines, context)
      : null,
  ]);
  const peak = run.facts.hardware?.gpuMemoryPeakMb ?? null;
  const facts =
    hardware === null
      ? dataset.facts
      : { ...dataset.facts, hardware: { ...hardware.facts, gpuMemoryPeakMb: peak } };
  const report = buildReport(facts, {
    nowMs: context.now(),
    inputs: reportInputs(input),
    requestedConfigName: input.config_name ?? null,
    baselines: baselines?.runs.map((baseline) => baseline.facts) ?? [],
    skippedBaselines: baselines?.skipped ?? [],
    rawLogExcerpt,
  });
  const data: Output = {
    ...report,
    status_snapshot: statusOf(report, run),
    system_snapshot: {
      ...report.system_snapshot,
      observed_at: isoOrNull(hardware?.observedAtMs),
    },
    dataset_resolution: dataset.resolution,
  };
  const short = shortReport(data, run.view);
  if (detail === "concise") return short;
  return { data: context.door === "mcp" ? fitting(data, short.text) : data, text: short.text };
};

/** A part that the schema requires must not be the one that is cut: the log's end first, then the last of the ranking. */
function fitting(report: Output, text: string): Output {
  const room = limits.fullCharacters - text.length - 300;
  const over = (data: Output): number => JSON.stringify(data).length - room;
  if (over(report) <= 0) return report;
  const { raw_log_excerpt: excerpt, ...rest } = report;
  const cut: Output = {
    ...rest,
    ...(excerpt === undefined ? {} : { raw_log_excerpt: excerpt.slice(-excerptAtLeast) }),
  };
  const ranking = cut.baseline_comparison?.["ranking"] as
    | (JsonDocument & { readonly ranking: readonly JsonDocument[] })
    | undefined;
  if (over(cut) <= 0 || ranking === undefined) return cut;
  const taken = JSON.stringify(ranking.ranking).length - over(cut);
  return {
    ...cut,
    baseline_comparison: {
      ...cut.baseline_comparison,
      ranking: { ...ranking, ranking: fitList(ranking.ranking, taken) },
    },
  };
}

/** Characters of the log's end that are left in a report that is too long. */
const excerptAtLeast = 2_000;

function reportInputs(input: Input): ReportInputs {
  return {
    lines: input.lines,
    includeDataset: input.include_dataset,
    includeNlp: input.include_nlp,
    includeRawLogExcerpt: input.include_raw_log_excerpt,
    excerptLines: input.excerpt_lines,
    maxDatasetFiles: input.max_dataset_files,
    includeEvaluation: input.include_evaluation,
    includeNextExperiment: input.include_next_experiment,
    includeBaselineComparison: input.include_baseline_comparison,
    baselineLimit: input.baseline_limit,
    baselineJobIds: input.baseline_job_ids,
    passThreshold: input.pass_threshold,
  };
}

/** The jobs that are named, or else the newest that have ended; the limit holds for both (peers 2.9). */
async function baselinesOf(input: Input, source: ReportSource) {
  const named = distinct(input.baseline_job_ids).filter((id) => id !== input.job_id);
  const candidates =
    input.baseline_job_ids.length > 0
      ? named.slice(0, input.baseline_limit)
      : await newestJobIds(
          { onlyTerminal: true, limit: input.baseline_limit, without: input.job_id },
          source,
        );
  return gatherRuns(candidates, { onlyTerminal: false }, source);
}

/** The live lane is fresher than what was committed; judged is what was committed. */
function statusOf(report: Report, { view }: GatheredRun): Output["status_snapshot"] {
  const now = jobNow(view);
  return {
    ...report.status_snapshot,
    phase: now.phase,
    progress: Math.floor(now.progress),
    current_step: now.currentStep,
    total_steps: now.totalSteps,
    loss: now.loss,
    observed_at: isoOrNull(now.observedAtMs),
    connectivity: now.connectivity,
  };
}
