import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type { getTrainingObservability as contract } from "@trainyard/shared/tools/get-training-observability.ts";
import type { JobView } from "../hub/hub.ts";
import { nextCall } from "./job-sentence.ts";
import { picked } from "./picked.ts";

type Output = OutputOf<typeof contract>;

/** The verdict in our words and numbers, and the parts of the report that a reader decides by. */
export function shortReport(
  report: Output,
  view: JobView,
): { readonly data: Output; readonly text: string } {
  const text = sentence(report, view);
  return { data: fitting(report, limits.conciseCharacters - text.length), text };
}

function sentence(report: Output, view: JobView): string {
  const { job_id: jobId, evaluation, intelligence } = report;
  const grade =
    evaluation.grade === undefined
      ? "no grade yet"
      : `grade ${evaluation.grade} (${evaluation.overall_score})`;
  const codes = intelligence.bottlenecks.map(({ code }) => code);
  const held = codes.length === 0 ? "" : ` Held back by ${codes.slice(0, 3).join(", ")}.`;
  const stop =
    intelligence.decision_gates?.["requires_immediate_stop"] === true &&
    !isTerminal(view.summary.state);
  const next = stop ? `stop-training with job_id ${jobId}` : nextCall(view);
  return `Job ${jobId}: ${report.overall_health}, ${grade}. ${lossSentence(report)}${speedSentence(report)}${held} Next: ${next}.`;
}

function lossSentence({ quality_analysis: quality }: Output): string {
  const change = quality["improvement_pct"];
  const error = quality["improvement_error_pct"];
  switch (quality["trend"]) {
    case "improving":
      return `The loss falls${percent(change, error)}.`;
    case "regressing":
      return `The loss rises${percent(typeof change === "number" ? -change : null, error)}.`;
    case "flat":
      return "The loss is flat.";
    default:
      return "Too few losses for a trend.";
  }
}

function percent(value: unknown, error: unknown): string {
  if (typeof value !== "number" || value <= 0) return "";
  return ` (${value.toFixed(1)} %${typeof error === "number" ? ` ± ${error.toFixed(1)}` : ""})`;
}

function medianSpeed({ speed_analysis: speed }: Output): number | null {
  const rates = speed["iter_per_sec"] as { readonly median?: number | null } | undefined;
  return rates?.median ?? null;
}

function speedSentence(report: Output): string {
  const median = medianSpeed(report);
  return median === null ? "" : ` Speed ${Number(median.toPrecision(3))} it/s.`;
}

/** Lists lose their end until it fits; what is never cut fits by itself. */
function fitting(report: Output, room: number): Output {
  for (const entries of [3, 2, 1, 0]) {
    const short = shortened(report, entries);
    if (JSON.stringify(short).length <= room || entries === 0) return short;
  }
  return shortened(report, 0);
}

function shortened(report: Output, entries: number): Output {
  const { evaluation, intelligence, next_experiment: next } = report;
  const position = report.baseline_comparison?.["position"];
  const shortEvaluation = ["overall_score", "grade", "passed"];
  const shortNext = ["recommendation_type", "parameter", "current", "proposed"];
  return {
    analysis_mode: report.analysis_mode,
    job_id: report.job_id,
    generated_at: report.generated_at,
    overall_health: report.overall_health,
    status_snapshot: picked(report.status_snapshot, [
      "status",
      "current_step",
      "total_steps",
      "observed_at",
      "connectivity",
    ]),
    evaluation: picked(evaluation, [
      "skipped",
      ...shortEvaluation,
      ...(entries === 0 ? [] : ["components"]),
    ]),
    intelligence: {
      bottlenecks: intelligence.bottlenecks
        .slice(0, Math.max(1, entries))
        .map((one) =>
          picked(one, ["code", "severity", "message", "confidence", "confidence_source"]),
        ),
      decision_gates: openGates(intelligence.decision_gates ?? {}),
    },
    next_experiment: picked(next, ["skipped", ...shortNext, ...(entries < 2 ? [] : ["rationale"])]),
    quality_analysis: picked(report.quality_analysis, [
      "status",
      "trend",
      "improvement_pct",
      "improvement_error_pct",
    ]),
    speed_analysis: {
      ...picked(report.speed_analysis, ["status"]),
      iter_per_sec_median: medianSpeed(report),
    },
    alerts: report.alerts
      .slice(0, entries)
      .map((alert) => picked(alert, ["code", "severity", "category", "message"])),
    ...(position === undefined || entries === 0 ? {} : { baseline_comparison: { position } }),
  };
}

/** Closed gates are the rule; in few words only the open ones are named. */
function openGates(gates: Readonly<Record<string, boolean>>): Record<string, boolean> {
  return Object.fromEntries(Object.entries(gates).filter(([, open]) => open));
}
