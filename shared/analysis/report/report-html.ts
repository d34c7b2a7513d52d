import type { ChartSeries } from "./chart-series.ts";
import { chartSvg } from "./chart-svg.ts";
import { escapeHtml } from "./escape-text.ts";
import { reportStyle } from "./report-style.ts";
import type { Report } from "./report.ts";
import { evidenceText, headline, plain, scoreRows } from "./report-rows.ts";

export interface ReportCharts {
  readonly loss: ChartSeries | null;
  readonly lr: ChartSeries | null;
  /** Steps per second. */
  readonly speed: ChartSeries | null;
}

/** The report as one page that needs nothing else: no script, no font, no request. Everything from outside is escaped. */
export function reportHtml(report: Report, charts: ReportCharts): string {
  const { run_report: run } = report;
  const name = escapeHtml(run.job_name);
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8">` +
    `<meta name="viewport" content="width=device-width, initial-scale=1">` +
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">` +
    `<meta name="color-scheme" content="light dark"><title>Training report: ${name}</title>` +
    `<style>${reportStyle}</style></head><body><main>` +
    `<h1>${name}</h1><p class="id">${escapeHtml(report.job_id ?? "")}</p>` +
    verdict(report) +
    section("Figures", table(["", ""], headline(report))) +
    section("Charts", chartsOf(charts)) +
    section("Alerts", alertsOf(report)) +
    section("Scores", table(["score", "value", "rule", "evidence"], scoreRows(report))) +
    section("What holds the run back", bottlenecksOf(report)) +
    section("Decisions", gatesOf(report)) +
    section("Next experiment", nextOf(report)) +
    section("Among earlier jobs", baselineOf(report)) +
    section(
      "Configuration",
      table(
        ["", ""],
        Object.entries(run.hparams).map(([key, value]) => [key.replaceAll("_", " "), plain(value)]),
      ),
    ) +
    section("Dataset", pairs(report.dataset_analysis)) +
    `<footer>Generated ${escapeHtml(report.generated_at)} by Trainyard.</footer></main></body></html>\n`
  );
}

function verdict({ overall_health: health, evaluation, status_snapshot: status }: Report): string {
  const grade = "grade" in evaluation ? `grade ${evaluation.grade}` : "no grade";
  return (
    `<p class="verdict"><b class="${escapeHtml(health)}">${escapeHtml(health)}</b> ` +
    `<span>${escapeHtml(status.status)}</span> <span>${escapeHtml(grade)}</span></p>`
  );
}

/** Left out whole when there is nothing to say. */
function section(title: string, body: string): string {
  return body === "" ? "" : `<section><h2>${escapeHtml(title)}</h2>${body}</section>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const titles = head.some((title) => title !== "")
    ? `<thead><tr>${head.map((title) => `<th>${escapeHtml(title)}</th>`).join("")}</tr></thead>`
    : "";
  const body = rows
    .map((row) => {
      const cells = row.slice(1).map((cell) => `<td>${escapeHtml(cell)}</td>`);
      return `<tr><th scope="row">${escapeHtml(row[0] ?? "")}</th>${cells.join("")}</tr>`;
    })
    .join("");
  return `<div class="wide"><table>${titles}<tbody>${body}</tbody></table></div>`;
}

function chartsOf({ loss, lr, speed }: ReportCharts): string {
  const drawn = [
    loss === null
      ? ""
      : chartSvg(loss, { title: "Loss", unit: "by step", smooth: true, logarithmic: true }),
    lr === null
      ? ""
      : chartSvg(lr, {
          title: "Learning rate",
          unit: "by step",
          smooth: false,
          logarithmic: false,
        }),
    speed === null
      ? ""
      : chartSvg(speed, {
          title: "Speed",
          unit: "steps per second",
          smooth: true,
          logarithmic: false,
        }),
  ].join("");
  const note =
    loss === null || loss.points <= loss.steps.length
      ? ""
      : `<p class="note">Thinned: each of ${loss.steps.length} places of the loss shows the lowest and highest of its steps. The curve leaves out single wild steps.</p>`;
  return drawn === "" ? "" : drawn + note;
}

function alertsOf({ alerts }: Report): string {
  if (alerts.length === 0) return "<p>No alerts.</p>";
  const items = alerts.map(
    (alert) =>
      `<li><b class="${escapeHtml(alert.severity)}">${escapeHtml(alert.severity)}</b> ${escapeHtml(alert.category)}: ` +
      `${escapeHtml(alert.message)} <code>${escapeHtml(alert.code)}</code><small>${escapeHtml(evidenceText(alert.evidence))}</small></li>`,
  );
  return `<ul>${items.join("")}</ul>`;
}

function bottlenecksOf({ intelligence }: Report): string {
  if (intelligence.bottlenecks.length === 0) return "<p>Nothing that was measured.</p>";
  const items = intelligence.bottlenecks.map((one) => {
    const action = intelligence.recommendations.find(({ for: code }) => code === one.code)?.action;
    return (
      `<li><b class="${escapeHtml(one.severity)}">${escapeHtml(one.severity)}</b> ${escapeHtml(one.message)} ` +
      `${escapeHtml(action ?? "")} <code>${escapeHtml(one.code)}</code><small>${escapeHtml(evidenceText(one.evidence))}</small></li>`
    );
  });
  return `<ul>${items.join("")}</ul>`;
}

function gatesOf({ intelligence }: Report): string {
  return table(
    ["", ""],
    Object.entries(intelligence.decision_gates).map(([gate, open]) => [
      gate.replaceAll("_", " "),
      open ? "yes" : "no",
    ]),
  );
}

function nextOf({ next_experiment: next }: Report): string {
  if (!("parameter" in next)) return "";
  return (
    `<p>${escapeHtml(next.rationale)}</p>` +
    table(
      ["", ""],
      [
        ["change", next.parameter.replaceAll("_", " ")],
        ["from", plain(next.current)],
        ["to", plain(next.proposed)],
        ["impact", next.expected_impact],
        ["risk", next.risk_level],
      ],
    ) +
    `<ol>${next.validation_plan.map((step) => `<li>${escapeHtml(step)}</li>`).join("")}</ol>`
  );
}

function baselineOf({ baseline_comparison: baseline }: Report): string {
  if (!("ranking" in baseline)) return "";
  return table(
    ["job", "rank", "total", "band", "name"],
    baseline.ranking.ranking.map((run) => [
      run.job_id,
      String(run.rank),
      plain(run.scores.total),
      run.delta_to_winner.total_band,
      run.job_name,
    ]),
  );
}

function pairs(value: Readonly<Record<string, unknown>>): string {
  if ("skipped" in value) return "";
  return table(
    ["", ""],
    Object.entries(value).map(([key, one]) => [key.replaceAll("_", " "), plain(one)]),
  );
}
