import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type { DatasetAnalysisView } from "@trainyard/shared/tools/dataset-view.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import type {
  TimeseriesPoint,
  watchTrainingTimeseries as contract,
} from "@trainyard/shared/tools/watch-training-timeseries.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { JobSnapshot } from "@trainyard/shared/jobs/snapshot.ts";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext } from "./context.ts";
import { alertView, itemsOf } from "./job-records.ts";
import { logExcerpt } from "./log-excerpt.ts";
import { sameDataset } from "./report-dataset.ts";
import { datasetAnalysis } from "./validation.ts";
import { findingAlerts, nlpSummary } from "./watch-judging.ts";
import type { WatchedPoint } from "./watch-judging.ts";

type Input = ToolInput<"watch-training-timeseries">;
type Output = OutputOf<typeof contract>;
type FullParts = Pick<Output, "config_context" | "dataset_context" | "nlp_summary" | "points">;

/** What only a full answer carries: where it comes from, the dataset, and with the last point the alerts and the log's end. */
export async function fullParts(
  input: Input,
  points: readonly WatchedPoint[],
  rows: readonly TimeseriesPoint[],
  context: EdgeContext,
): Promise<FullParts> {
  const newest = points.at(-1) as WatchedPoint;
  const { snapshot } = unwrap(await context.job(input.job_id).describe());
  const [dataset, lastRow] = await Promise.all([
    datasetOf(input, snapshot, newest.view, context),
    lastExtras(input, newest, context),
  ]);
  return {
    config_context: {
      requested_config_name: input.config_name ?? null,
      resolved_config_name: snapshot.configName,
      config_source: "job_payload",
    },
    dataset_context: dataset,
    nlp_summary: nlpSummary(points, input),
    points: rows.map((row, at) => (at < rows.length - 1 ? row : { ...row, ...lastRow })),
  };
}

/** Characters of the log's end; it stands inside a point, where nothing else can shorten it. */
const excerptAtMcp = 6_000;

/** Alerts and the log's end belong to now, so only the last point carries them. */
async function lastExtras(
  input: Input,
  { view, look }: WatchedPoint,
  context: EdgeContext,
): Promise<Partial<TimeseriesPoint>> {
  const timeline =
    input.include_alerts && view.summary.alerts > 0
      ? itemsOf(unwrap(await context.job(input.job_id).events(["alert"], 20)), "alert")
      : [];
  const room = context.door === "mcp" ? excerptAtMcp : limits.inlineFileBytes;
  return {
    ...(input.include_alerts
      ? { alerts: [...(look ? findingAlerts(look) : []), ...timeline.map(alertView)] }
      : {}),
    ...(input.include_raw_log_excerpt
      ? { raw_log_excerpt: (await logExcerpt({ view }, input.excerpt_lines, context)).slice(-room) }
      : {}),
  };
}

async function datasetOf(
  input: Input,
  snapshot: JobSnapshot,
  view: JobView,
  context: EdgeContext,
): Promise<NonNullable<Output["dataset_context"]>> {
  const { dataset_path: wanted } = input;
  const own =
    wanted === undefined
      ? snapshot.datasets[0]
      : snapshot.datasets.find(({ reference }) => sameDataset(reference, wanted));
  const shared = {
    dataset_path: wanted ?? own?.reference ?? null,
    dataset_source: wanted !== undefined ? "argument" : own === undefined ? null : "config",
  };
  const skipped = { ...shared, dataset_analysis: { skipped: true } as const };
  if (!input.include_dataset) return skipped;
  if (own !== undefined) return { ...shared, dataset_analysis: datasetAnalysis(own) };
  if (wanted === undefined) return skipped;
  return { ...shared, dataset_analysis: await askBox(wanted, input, view, context) };
}

async function askBox(
  path: string,
  input: Input,
  view: JobView,
  context: EdgeContext,
): Promise<DatasetAnalysisView> {
  try {
    const { datasets } = await context.callAgent(view.summary.agentId, "preflight", {
      trainer: null,
      datasets: [path],
      maxFiles: input.max_dataset_files,
      glanceMs: 0,
    });
    const [facts] = datasets;
    return facts === undefined
      ? { dataset_path: path, error: "dataset_path_unresolved" }
      : datasetAnalysis(facts);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    return { dataset_path: path, error: "agent_offline" };
  }
}
