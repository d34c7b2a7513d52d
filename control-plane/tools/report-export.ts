import { chartSeries } from "@trainyard/shared/analysis/report/chart-series.ts";
import type { ReportCharts } from "@trainyard/shared/analysis/report/report-html.ts";
import { reportHtml } from "@trainyard/shared/analysis/report/report-html.ts";
import { reportMarkdown } from "@trainyard/shared/analysis/report/report-markdown.ts";
import { buildReport, defaultReportInputs } from "@trainyard/shared/analysis/report/report.ts";
import type { Report } from "@trainyard/shared/analysis/report/report.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { ReportFormat } from "@trainyard/shared/tools/export-observability-report.ts";
import { unwrap } from "../outcome.ts";
import type { ReportLink } from "../transfer/links.ts";
import { boxHardware } from "./box-hardware.ts";
import type { EdgeContext } from "./context.ts";
import { gatherRun } from "./gather-runs.ts";
import type { GatheredRun } from "./gather-runs.ts";
import { logExcerpt } from "./log-excerpt.ts";
import { withDataset } from "./report-dataset.ts";

/** What a report is made of; a link carries it, since a report is made anew when it is fetched. */
export interface ExportWish {
  readonly jobId: string;
  readonly includeEvaluation: boolean;
  readonly includeDataset: boolean;
  readonly includeNlp: boolean;
  readonly includeRawLogExcerpt: boolean;
  readonly configName: string | null;
  readonly datasetPath: string | null;
  readonly lines: number;
  readonly maxDatasetFiles: number;
}

/** What nobody asked for otherwise is not in a link: three of them have to fit into a short answer. */
const usual = { lines: 800, maxDatasetFiles: 2_000 };

export function linkFields(
  wish: ExportWish,
): Pick<ReportLink, "j" | "i"> & Partial<Pick<ReportLink, "c" | "d" | "l" | "m">> {
  const parts = [
    [wish.includeEvaluation, "e"],
    [wish.includeDataset, "d"],
    [wish.includeNlp, "c"],
    [wish.includeRawLogExcerpt, "l"],
  ] as const;
  return {
    j: wish.jobId,
    i: parts.map(([included, letter]) => (included ? letter : "")).join(""),
    ...(wish.configName === null ? {} : { c: wish.configName }),
    ...(wish.datasetPath === null ? {} : { d: wish.datasetPath }),
    ...(wish.lines === usual.lines ? {} : { l: wish.lines }),
    ...(wish.maxDatasetFiles === usual.maxDatasetFiles ? {} : { m: wish.maxDatasetFiles }),
  };
}

export function wishOfLink({ j, i, c, d, l, m }: ReportLink): ExportWish {
  return {
    jobId: j,
    includeEvaluation: i.includes("e"),
    includeDataset: i.includes("d"),
    includeNlp: i.includes("c"),
    includeRawLogExcerpt: i.includes("l"),
    configName: c ?? null,
    datasetPath: d ?? null,
    lines: l ?? usual.lines,
    maxDatasetFiles: m ?? usual.maxDatasetFiles,
  };
}

/** The wish of an export-observability-report that names only the job. */
export function usualWish(jobId: string): ExportWish {
  return {
    jobId,
    includeEvaluation: true,
    includeDataset: true,
    includeNlp: true,
    includeRawLogExcerpt: false,
    configName: null,
    datasetPath: null,
    ...usual,
  };
}

export interface MadeReport {
  readonly run: GatheredRun;
  readonly report: Report;
}

export interface ExportedReport extends MadeReport {
  readonly charts: ReportCharts;
}

/** Of the log in an exported report (peers 1.3); its lines may be long, and the whole must fit into a frame. */
const excerptLines = 120;
const excerptCharacters = 30_000;

export async function makeExport(wish: ExportWish, context: EdgeContext): Promise<ExportedReport> {
  const run = await gatherRun(wish.jobId, context);
  const job = context.job(wish.jobId);
  const [report, loss, lr] = await Promise.all([
    reportOf(run, wish, context),
    job.chart("loss"),
    job.chart("lr"),
  ]);
  const { blocks } = run.facts.speed;
  const charts: ReportCharts = {
    loss: drawable(unwrap(loss).chart),
    lr: drawable(unwrap(lr).chart),
    speed: drawable(chartSeries(blocks.startStep, blocks.mean)),
  };
  return { run, report, charts };
}

/** The same without the series, which Markdown does not draw and which are the dear part. */
export async function makeReport(wish: ExportWish, context: EdgeContext): Promise<MadeReport> {
  const run = await gatherRun(wish.jobId, context);
  return { run, report: await reportOf(run, wish, context) };
}

async function reportOf(run: GatheredRun, wish: ExportWish, context: EdgeContext): Promise<Report> {
  const dataset = { path: wish.datasetPath ?? undefined, maxFiles: wish.maxDatasetFiles };
  const [{ facts, resolution }, hardware, excerpt] = await Promise.all([
    withDataset(run, dataset, context),
    boxHardware(run.view, limits.hardwareMaxAgeMs, context),
    wish.includeRawLogExcerpt ? logExcerpt(run, excerptLines, context) : null,
  ]);
  const report = buildReport(
    hardware === null
      ? facts
      : {
          ...facts,
          hardware: {
            ...hardware.facts,
            gpuMemoryPeakMb: run.facts.hardware?.gpuMemoryPeakMb ?? null,
          },
        },
    {
      nowMs: context.now(),
      inputs: {
        ...defaultReportInputs,
        lines: wish.lines,
        includeDataset: wish.includeDataset,
        includeNlp: wish.includeNlp,
        includeEvaluation: wish.includeEvaluation,
        includeRawLogExcerpt: wish.includeRawLogExcerpt,
        excerptLines,
        maxDatasetFiles: wish.maxDatasetFiles,
      },
      requestedConfigName: wish.configName,
      rawLogExcerpt: excerpt?.slice(-excerptCharacters) ?? null,
    },
  );
  return withResolution(report, resolution);
}

function drawable(chart: NonNullable<ReportCharts["loss"]>): ReportCharts["loss"] {
  return chart.points === 0 && chart.nonFiniteSteps.length === 0 ? null : chart;
}

function withResolution(
  report: Report,
  resolution: { readonly dataset_path: string | null; readonly dataset_source: string | null },
): Report {
  const { dataset_path, dataset_source } = resolution;
  return {
    ...report,
    dataset_resolution: {
      ...report.dataset_resolution,
      dataset_path,
      dataset_source: dataset_source ?? "config",
    },
  };
}

export const mediaTypes: Readonly<Record<ReportFormat, string>> = {
  json: "application/json",
  markdown: "text/markdown; charset=utf-8",
  html: "text/html; charset=utf-8",
};

export const extensions = {
  json: "json",
  markdown: "md",
  html: "html",
} as const satisfies Readonly<Record<ReportFormat, string>>;

/** The file's text. JSON in the seeds' shape (peers 2.13), with the series of the charts beside it. */
export function renderExport(format: ReportFormat, { report, charts }: ExportedReport): string {
  switch (format) {
    case "json": {
      const { generated_at, job_id, evaluation } = report;
      return `${JSON.stringify({ generated_at, job_id, snapshot: report, evaluation, series: charts }, null, 2)}\n`;
    }
    case "markdown":
      return reportMarkdown(report);
    case "html":
      return reportHtml(report, charts);
  }
}
