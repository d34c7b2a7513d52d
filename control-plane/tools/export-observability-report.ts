import { reportFileName } from "@trainyard/shared/analysis/report/report-markdown.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseReportFolder } from "@trainyard/shared/names.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type {
  exportObservabilityReport as contract,
  ReportFileView,
  ReportFormat,
} from "@trainyard/shared/tools/export-observability-report.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import { mint, newNonce } from "../transfer/links.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { extensions, linkFields, makeExport, mediaTypes, renderExport } from "./report-export.ts";
import type { ExportWish } from "./report-export.ts";
import { duration, iso } from "./words.ts";

type Input = ToolInput<"export-observability-report">;
type Output = OutputOf<typeof contract>;

export const exportObservabilityReport: EdgeHandler<"export-observability-report"> = async (
  input,
  context,
) => {
  // Refused before any work is done.
  const folder = input.output_dir === undefined ? null : parseReportFolder(input.output_dir);
  const wish = wishOf(input);
  const made = await makeExport(wish, context);
  const { report, run } = made;
  const { agentId } = run.view.summary;
  const formats = [...new Set(input.formats)];
  const nowMs = context.now();
  const name = reportFileName(input.filename_prefix, input.job_id, nowMs);
  const texts = formats.map((format) => ({ format, text: renderExport(format, made) }));
  const written =
    folder === null ? null : await writeOnBox(agentId, { folder, name, texts }, context);
  const expiresAtSeconds = Math.floor(nowMs / 1_000) + input.expires_in_seconds;
  const full = context.detail(input.detail) === "full";
  const token = await mint(
    {
      v: 1,
      kind: "report",
      o: context.principal.owner,
      a: agentId,
      exp: expiresAtSeconds,
      n: newNonce(),
      p: input.filename_prefix,
      t: nowMs,
      ...linkFields(wish),
    },
    context.settings.linkKey,
  );
  const urlOf = (format: ReportFormat): string => `${context.origin}/files/r/${token}/${format}`;
  const files = texts.map(({ format, text }): ReportFileView => {
    const size = new TextEncoder().encode(text).byteLength;
    const inline = context.door === "http" && size <= limits.inlineFileBytes;
    return {
      format,
      size,
      ...(full
        ? {
            ...(written === null ? {} : { path: written.paths[format] ?? null }),
            filename: `${name}.${extensions[format]}`,
            media_type: mediaTypes[format],
            download_url: urlOf(format),
            ...(inline ? { content: text } : {}),
          }
        : {}),
    };
  });
  const paths = written?.paths ?? {};
  const data: Output = {
    success: true,
    job_id: input.job_id,
    generated_at: report.generated_at,
    overall_health: report.overall_health,
    alert_count: report.alerts.length,
    evaluation_score: "overall_score" in report.evaluation ? report.evaluation.overall_score : null,
    download_url: urlOf(formats.includes("html") ? "html" : (formats[0] ?? "json")),
    files,
    expires_at: iso(expiresAtSeconds * 1_000),
    output_dir: written?.folder ?? null,
    ...(folder === null
      ? {}
      : {
          json_report_path: paths.json ?? null,
          markdown_report_path: paths.markdown ?? null,
          html_report_path: paths.html ?? null,
          ...(full ? { json_path: paths.json ?? null, markdown_path: paths.markdown ?? null } : {}),
        }),
    ...(written?.note === undefined ? {} : { note: written.note }),
  };
  const text = `download_url shows the report of job ${input.job_id} (${report.overall_health}) for ${duration(input.expires_in_seconds)}, made anew when fetched; its last part is the format: html, markdown or json. Whoever has it can read it.${written === null ? "" : ` ${written.note ?? `Also written on the box.`}`} Next: open download_url, or hand it to the person who wants it.`;
  return { data: full ? data : fitting(data, limits.conciseCharacters - text.length), text };
};

/** Deep folders make long paths; those of one report differ in their extension only. */
function fitting(data: Output, room: number): Output {
  if (JSON.stringify(data).length <= room) return data;
  const { markdown_report_path: _markdown, html_report_path: _html, ...rest } = data;
  return rest;
}

function wishOf(input: Input): ExportWish {
  return {
    jobId: input.job_id,
    includeEvaluation: input.include_evaluation,
    includeDataset: input.include_dataset,
    includeNlp: input.include_nlp,
    includeRawLogExcerpt: input.include_raw_log_excerpt,
    configName: input.config_name ?? null,
    datasetPath: input.dataset_path ?? null,
    lines: input.lines,
    maxDatasetFiles: input.max_dataset_files,
  };
}

interface Written {
  readonly folder: string | null;
  readonly paths: Partial<Record<ReportFormat, string>>;
  readonly note?: string;
}

/** A box that cannot be asked is no failure of the export: the links hold the same. */
async function writeOnBox(
  agentId: string,
  report: {
    readonly folder: readonly string[];
    readonly name: string;
    readonly texts: readonly { readonly format: ReportFormat; readonly text: string }[];
  },
  context: EdgeContext,
): Promise<Written> {
  try {
    const { paths } = await context.callAgent(agentId, "write-report", {
      folder: [...report.folder],
      name: report.name,
      files: report.texts.map(({ format, text }) => ({ extension: extensions[format], text })),
    });
    return {
      folder: ["outputs", "reports", ...report.folder].join("/"),
      paths: Object.fromEntries(report.texts.map(({ format }, at) => [format, paths[at]])),
    };
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    return {
      folder: null,
      paths: {},
      note: "The box could not be asked, so nothing was written there; the links work all the same.",
    };
  }
}
