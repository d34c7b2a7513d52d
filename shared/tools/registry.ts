/** Every tool, once. Listing, doors, schemas, docs and both handler maps are derived from here. */
import { alertRouting } from "./alert-routing.ts";
import { analyzeDataset } from "./analyze-dataset.ts";
import { autoImproveDataset } from "./auto-improve-dataset.ts";
import { compareTrainingRuns } from "./compare-training-runs.ts";
import { configureTrainingRun } from "./configure-training-run.ts";
import { controlTraining } from "./control-training.ts";
import { createDownloadLink } from "./create-download-link.ts";
import { createTrainingConfig } from "./create-training-config.ts";
import { createUploadLink } from "./create-upload-link.ts";
import type { InputOf, OutputOf, RunsOn, ToolAnswer, ToolContract } from "./define-tool.ts";
import { deleteAlertRoute } from "./delete-alert-route.ts";
import { deleteDataset } from "./delete-dataset.ts";
import { deleteModel } from "./delete-model.ts";
import { deleteConfig } from "./delete-config.ts";
import { downloadModel } from "./download-model.ts";
import { editCaptions } from "./edit-captions.ts";
import { evaluateLora } from "./evaluate-lora.ts";
import { evaluateModel } from "./evaluate-model.ts";
import { exportModel } from "./export-model.ts";
import { exportObservabilityReport } from "./export-observability-report.ts";
import { generateFineTuningProject } from "./generate-fine-tuning-project.ts";
import { getConfig } from "./get-config.ts";
import { getDatasetInfo } from "./get-dataset-info.ts";
import { getSystemStats } from "./get-system-stats.ts";
import { getTrainingInfo } from "./get-training-info.ts";
import { getTrainingLogs } from "./get-training-logs.ts";
import { getTrainingObservability } from "./get-training-observability.ts";
import { getTrainingSamples } from "./get-training-samples.ts";
import { getTrainingStatus } from "./get-training-status.ts";
import { listAgents } from "./list-agents.ts";
import { listAlertRoutes } from "./list-alert-routes.ts";
import { listComfyuiModels } from "./list-comfyui-models.ts";
import { listConfigs } from "./list-configs.ts";
import { listDatasets } from "./list-datasets.ts";
import { listExportedModels } from "./list-exported-models.ts";
import { listModelPresets } from "./list-model-presets.ts";
import { listTrainingJobs } from "./list-training-jobs.ts";
import { monitorTrainingProgress } from "./monitor-training-progress.ts";
import { recommendTrainingPlan } from "./recommend-training-plan.ts";
import { resumeTraining } from "./resume-training.ts";
import { revokeLink } from "./revoke-link.ts";
import { runTrainingWithGuardrails } from "./run-training-with-guardrails.ts";
import { setAlertRoute } from "./set-alert-route.ts";
import { setGuardrails } from "./set-guardrails.ts";
import { startTraining } from "./start-training.ts";
import { stopTraining } from "./stop-training.ts";
import { testAlertRoute } from "./test-alert-route.ts";
import { suggestNextExperiment } from "./suggest-next-experiment.ts";
import { undoDatasetChange } from "./undo-dataset-change.ts";
import { uploadDataset } from "./upload-dataset.ts";
import { validateTrainingConfig } from "./validate-training-config.ts";
import { watchTrainingTimeseries } from "./watch-training-timeseries.ts";

export const catalog = {
  "alert-routing": alertRouting,
  "analyze-dataset": analyzeDataset,
  "auto-improve-dataset": autoImproveDataset,
  "compare-training-runs": compareTrainingRuns,
  "configure-training-run": configureTrainingRun,
  "control-training": controlTraining,
  "create-download-link": createDownloadLink,
  "create-training-config": createTrainingConfig,
  "create-upload-link": createUploadLink,
  "delete-alert-route": deleteAlertRoute,
  "delete-dataset": deleteDataset,
  "delete-model": deleteModel,
  "delete-config": deleteConfig,
  "download-model": downloadModel,
  "edit-captions": editCaptions,
  "evaluate-lora": evaluateLora,
  "evaluate-model": evaluateModel,
  "export-model": exportModel,
  "export-observability-report": exportObservabilityReport,
  "generate-fine-tuning-project": generateFineTuningProject,
  "get-config": getConfig,
  "get-dataset-info": getDatasetInfo,
  "get-system-stats": getSystemStats,
  "get-training-info": getTrainingInfo,
  "get-training-logs": getTrainingLogs,
  "get-training-observability": getTrainingObservability,
  "get-training-samples": getTrainingSamples,
  "get-training-status": getTrainingStatus,
  "list-agents": listAgents,
  "list-alert-routes": listAlertRoutes,
  "list-comfyui-models": listComfyuiModels,
  "list-configs": listConfigs,
  "list-datasets": listDatasets,
  "list-exported-models": listExportedModels,
  "list-model-presets": listModelPresets,
  "list-training-jobs": listTrainingJobs,
  "monitor-training-progress": monitorTrainingProgress,
  "recommend-training-plan": recommendTrainingPlan,
  "resume-training": resumeTraining,
  "revoke-link": revokeLink,
  "run-training-with-guardrails": runTrainingWithGuardrails,
  "set-alert-route": setAlertRoute,
  "set-guardrails": setGuardrails,
  "start-training": startTraining,
  "stop-training": stopTraining,
  "test-alert-route": testAlertRoute,
  "suggest-next-experiment": suggestNextExperiment,
  "undo-dataset-change": undoDatasetChange,
  "upload-dataset": uploadDataset,
  "validate-training-config": validateTrainingConfig,
  "watch-training-timeseries": watchTrainingTimeseries,
} as const satisfies Readonly<Record<string, ToolContract>>;

export type Tools = typeof catalog;
export type ToolName = keyof Tools;
export type CatalogTool = Tools[ToolName];
type NamesRunningOn<Runs extends RunsOn> = {
  [Name in ToolName]: Tools[Name]["runsOn"] extends Runs ? Name : never;
}[ToolName];
export type EdgeToolName = NamesRunningOn<"edge">;
export type AgentToolName = NamesRunningOn<"agent">;

export type ToolInput<Name extends ToolName> = InputOf<Tools[Name]>;
export type ToolOutput<Name extends ToolName> = OutputOf<Tools[Name]>;
export type AnswerOf<Name extends ToolName> = ToolAnswer<ToolOutput<Name>>;

/** Stable order: a list that moves costs a client its prompt cache. */
export const tools: readonly CatalogTool[] = Object.values(catalog).toSorted((a, b) =>
  a.name < b.name ? -1 : 1,
);

/** Names that other systems and earlier versions used; accepted everywhere, listed nowhere. */
export const toolAliases: ReadonlyMap<string, string> = new Map([
  ["validate-config", "validate-training-config"],
  ["route-alerts", "alert-routing"],
  ["export-report", "export-observability-report"],
  ["restore-dataset", "undo-dataset-change"],
  ["restore-model", "undo-dataset-change"],
]);

/** A Map, never an object: names come off the wire, and `constructor` is no tool. */
const byName: ReadonlyMap<string, CatalogTool> = new Map(
  [
    ...tools.map((tool) => [tool.name, tool] as const),
    ...[...toolAliases].flatMap(([alias, name]) => {
      const tool = tools.find((candidate) => candidate.name === name);
      return tool === undefined ? [] : [[alias, tool] as const];
    }),
  ].flatMap(([name, tool]) => [
    [name, tool],
    [name.replaceAll("-", "_"), tool],
  ]),
);

export function findTool(name: string): CatalogTool | null {
  return byName.get(name) ?? null;
}
