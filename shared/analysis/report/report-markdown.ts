import { escapeMarkdown } from "./escape-text.ts";
import type { Report } from "./report.ts";
import { evidenceText, headline, plain, scoreRows } from "./report-rows.ts";

/** The report as Markdown: the seeds' title, bullets and section Alerts (peers 2.13), then what they rest on. */
export function reportMarkdown(report: Report): string {
  const { run_report: run, intelligence, next_experiment: next } = report;
  const lines = [
    `# Training report: ${escapeMarkdown(report.job_id ?? "")}`,
    "",
    `Job ${escapeMarkdown(run.job_name)}.`,
    "",
    ...headline(report).map(([name, value]) => `- ${name}: ${escapeMarkdown(value)}`),
    "",
    "## Alerts",
    "",
    ...bullets(
      report.alerts.map(
        (alert) =>
          `[${alert.severity}] ${escapeMarkdown(alert.category)}: ${escapeMarkdown(alert.message)} (${escapeMarkdown(alert.code)})`,
      ),
      "No alerts",
    ),
    "",
    "## Scores",
    "",
    "| score | value | rule | evidence |",
    "| --- | --- | --- | --- |",
    ...scoreRows(report).map((row) => `| ${row.map(escapeMarkdown).join(" | ")} |`),
    "",
    "## What holds the run back",
    "",
    ...bullets(
      intelligence.bottlenecks.map((one) => {
        const action = intelligence.recommendations.find(({ for: code }) => code === one.code);
        return `[${one.severity}] ${one.message} ${escapeMarkdown(action?.action ?? "")} (${one.code}: ${escapeMarkdown(evidenceText(one.evidence))})`;
      }),
      "Nothing that was measured",
    ),
    "",
    "## Decisions",
    "",
    ...Object.entries(intelligence.decision_gates).map(
      ([gate, open]) => `- ${gate.replaceAll("_", " ")}: ${open ? "yes" : "no"}`,
    ),
    "",
    "## Next experiment",
    "",
    ...("parameter" in next
      ? [
          `- Change: ${escapeMarkdown(next.parameter)} from ${escapeMarkdown(plain(next.current))} to ${escapeMarkdown(plain(next.proposed))}`,
          `- Why: ${escapeMarkdown(next.rationale)}`,
          `- Impact ${next.expected_impact}, risk ${next.risk_level}`,
        ]
      : ["None: too little is known, or it was not asked for."]),
    "",
    "## Configuration",
    "",
    ...bullets(
      Object.entries(run.hparams).map(
        ([name, value]) => `${name.replaceAll("_", " ")}: ${escapeMarkdown(plain(value))}`,
      ),
      "Not known",
    ),
    "",
  ];
  return lines.join("\n");
}

function bullets(lines: readonly string[], none: string): string[] {
  return lines.length === 0 ? [none] : lines.map((line) => `- ${line}`);
}

/**
 * `<prefix>-<job id>-<UTC time>`, without an ending; other characters become `_`. To the millisecond: the seeds' names
 * stop at the second, and two exports in one overwrite each other.
 */
export function reportFileName(prefix: string, jobId: string, nowMs: number): string {
  const clean = (text: string): string => text.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 80);
  const time = new Date(nowMs)
    .toISOString()
    .replace(/[-:Z]/g, "")
    .replace("T", "-")
    .replace(".", "-");
  return `${clean(prefix)}-${clean(jobId)}-${time}`;
}
