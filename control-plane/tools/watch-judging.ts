import { tokenDiversity } from "@trainyard/shared/analysis/dataset-score.ts";
import { onlyIncluded } from "@trainyard/shared/analysis/report/included-facts.ts";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import type { Judgement } from "@trainyard/shared/analysis/judge-run.ts";
import { errorAnalysis } from "@trainyard/shared/analysis/report/report-analyses.ts";
import type { HardwareFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { alertsJson } from "@trainyard/shared/analysis/report/run-report.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type { AlertView } from "@trainyard/shared/tools/job-view.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import type {
  TimeseriesPoint,
  watchTrainingTimeseries as contract,
} from "@trainyard/shared/tools/watch-training-timeseries.ts";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { boxHardware } from "./box-hardware.ts";
import type { EdgeContext } from "./context.ts";
import type { PolledPoint } from "./poll-job.ts";

type Input = ToolInput<"watch-training-timeseries">;
type Summary = OutputOf<typeof contract>["summary"];

/** What is judged and measured at one point. */
export interface PointLook {
  readonly judgement: Judgement;
  readonly alerts: ReturnType<typeof alertsJson>;
  /** Null where it was not asked for, or the box does not say. */
  readonly hardware: HardwareFacts | null;
}

export type WatchedPoint = PolledPoint<PointLook>;

/** Every point is judged by the same functions as a report, on what was committed by then. */
export async function lookAt(
  view: JobView,
  input: Input,
  context: EdgeContext,
): Promise<PointLook> {
  const [facts, hardware] = await Promise.all([
    context.job(view.summary.jobId).facts(),
    input.include_system
      ? boxHardware(view, (input.poll_interval_seconds * 1_000) / 2, context)
      : null,
  ]);
  const included = { includeDataset: input.include_dataset, includeNlp: input.include_nlp };
  const judgement = judgeRun(onlyIncluded(unwrap(facts), included));
  return {
    judgement,
    alerts: alertsJson(judgement),
    // Figures from before the point belong to another one.
    hardware: view.connectivity === "live" ? (hardware?.facts ?? null) : null,
  };
}

const rank: Readonly<Record<string, number>> = { info: 0, warning: 1, critical: 2 };
const severities = ["info", "warning", "critical"] as const;

export function judgedFields(look: PointLook, input: Input): Partial<TimeseriesPoint> {
  const { judgement, hardware, alerts } = look;
  const errors = errorAnalysis(judgement);
  const captions = judgement.facts.dataset?.captions ?? null;
  return {
    speed_status: judgement.throughput.status,
    quality_status: judgement.quality.status,
    error_severity: errors.severity,
    error_mentions: errors.total_mentions,
    overall_health: judgement.health,
    alert_count: alerts.length,
    alert_max_severity: worstOf(alerts.map(({ severity }) => severity)),
    ...(input.include_system
      ? {
          gpu_utilization_pct: hardware?.gpuUtilizationPct ?? null,
          gpu_memory_used_mb: hardware?.gpuMemoryUsedMb ?? null,
          gpu_memory_total_mb: hardware?.gpuMemoryTotalMb ?? null,
          cpu_percent: hardware?.cpuPercent ?? null,
          ram_used_gb: hardware?.ramUsedGb ?? null,
          ram_total_gb: hardware?.ramTotalGb ?? null,
        }
      : {}),
    ...(input.include_nlp
      ? {
          nlp:
            captions === null
              ? null
              : {
                  caption_token_diversity: tokenDiversity(captions),
                  style_flags: [...judgement.styleFlags],
                },
        }
      : {}),
  };
}

/** Findings of the judging; what the job's own timeline holds has its own place and its evidence. */
export function findingAlerts({ judgement }: PointLook): AlertView[] {
  return judgement.findings.map(({ code, severity, category, message }) => ({
    code,
    severity,
    category,
    message,
  }));
}

/** `total_alerts` counts different codes: the same finding at ten points is one. */
export function judgedSummary(
  points: readonly WatchedPoint[],
): Pick<Summary, "gpu" | "health_counts" | "alerts"> {
  const looks = points.flatMap(({ look }) => look ?? []);
  const used = known(looks.map(({ hardware }) => hardware?.gpuMemoryUsedMb));
  const utilization = known(looks.map(({ hardware }) => hardware?.gpuUtilizationPct));
  const alerts = looks.map((look) => look.alerts);
  const worst = (severity: string): number =>
    alerts.filter((all) => worstOf(all.map((alert) => alert.severity)) === severity).length;
  const healths: Record<string, number> = {};
  for (const { judgement } of looks)
    healths[judgement.health] = (healths[judgement.health] ?? 0) + 1;
  return {
    gpu: {
      util_mean_pct:
        utilization.length === 0
          ? null
          : Math.round((10 * utilization.reduce((sum, one) => sum + one, 0)) / utilization.length) /
            10,
      memory_peak_mb: used.length === 0 ? null : Math.max(...used),
    },
    health_counts: healths,
    alerts: {
      total_alerts: new Set(alerts.flat().map(({ code }) => code)).size,
      critical_points: worst("critical"),
      warning_points: worst("warning"),
    },
  };
}

export function nlpSummary(
  points: readonly WatchedPoint[],
  input: Input,
): OutputOf<typeof contract>["nlp_summary"] {
  if (!input.include_nlp) return { skipped: true };
  const counts: Record<string, number> = {};
  const diversities: number[] = [];
  for (const { look } of points) {
    for (const flag of look?.judgement.styleFlags ?? []) counts[flag] = (counts[flag] ?? 0) + 1;
    const diversity = tokenDiversity(look?.judgement.facts.dataset?.captions ?? null);
    if (diversity !== null) diversities.push(diversity);
  }
  return {
    style_flag_counts: counts,
    caption_token_diversity_mean:
      diversities.length === 0
        ? null
        : diversities.reduce((sum, one) => sum + one, 0) / diversities.length,
  };
}

function worstOf(all: readonly string[]): (typeof severities)[number] | null {
  const worst = Math.max(-1, ...all.map((severity) => rank[severity] ?? 0));
  return severities[worst] ?? null;
}

function known(values: readonly (number | null | undefined)[]): number[] {
  return values.filter((value): value is number => typeof value === "number");
}
