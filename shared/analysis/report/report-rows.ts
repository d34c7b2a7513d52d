import type { Report } from "./report.ts";
import { tick } from "./chart-svg.ts";

/** The lines that a report's readable forms share: what is said first, in which words. */
export function headline(report: Report): readonly (readonly [string, string])[] {
  const {
    status_snapshot: status,
    run_report: run,
    evaluation,
    quality_analysis: quality,
  } = report;
  const trend = quality.loss_trend;
  const graded = "grade" in evaluation;
  return [
    ["Generated", report.generated_at],
    ["Status", status.phase === null ? status.status : `${status.status} (${status.phase})`],
    ["Health", report.overall_health],
    ["Step", `${number(status.current_step)} of ${number(status.total_steps)}`],
    [
      "Loss trend",
      trend.verdict === "unknown" ? `unknown (${trend.reason ?? ""})` : trendWords(trend),
    ],
    ["Speed mean", rate(run.metrics.speed_mean_iter_per_sec)],
    ["Speed median", rate(run.metrics.speed_median_iter_per_sec)],
    ["Convergence", number(run.metrics.convergence_score)],
    ["Alerts", String(report.alerts.length)],
    ["Evaluation score", graded ? number(evaluation.overall_score) : "not known"],
    ["Grade", graded ? `${evaluation.grade}${evaluation.provisional ? " so far" : ""}` : "none"],
    ["Passed", graded ? (evaluation.passed ? "yes" : "no") : "not known"],
  ];
}

function trendWords(trend: Report["quality_analysis"]["loss_trend"]): string {
  const slope = number(trend.slope_per_1000_steps);
  const error = number(trend.error_per_1000_steps);
  return `${trend.verdict}, ${slope} ± ${error} (log loss per 1,000 steps), ${number(trend.change_pct)} % over ${trend.points} points`;
}

export function scoreRows(report: Report): readonly (readonly [string, string, string, string])[] {
  return Object.entries(report.run_report.scores).map(([name, one]) => [
    name.replaceAll("_", " "),
    one.score === null ? `unknown (${one.unknown ?? ""})` : number(one.score),
    one.rule,
    evidenceText(one.evidence),
  ]);
}

/** `key value` pairs of small plain values. */
export function evidenceText(evidence: Readonly<Record<string, unknown>>): string {
  return Object.entries(evidence)
    .map(([key, value]) => `${key.replaceAll("_", " ")} ${plain(value)}`)
    .join(", ");
}

export function plain(value: unknown): string {
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "unknown";
  return typeof value === "boolean" ? (value ? "yes" : "no") : JSON.stringify(value);
}

function number(value: number | null): string {
  return value === null ? "unknown" : tick(value);
}

function rate(value: number | null): string {
  return value === null ? "unknown" : `${number(value)} it/s`;
}
