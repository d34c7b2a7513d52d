/** Every tool that runs at the edge, once; the compiler checks that none is missing and none is too many. */
import type { EdgeToolName } from "@trainyard/shared/tools/registry.ts";
import type { EdgeHandler } from "./context.ts";
import { alertRouting } from "./alert-routing.ts";
import { compareTrainingRuns } from "./compare-training-runs.ts";
import { controlTraining } from "./control-training.ts";
import { createDownloadLink } from "./create-download-link.ts";
import { createTrainingConfig } from "./create-training-config.ts";
import { createUploadLink } from "./create-upload-link.ts";
import { deleteAlertRoute } from "./delete-alert-route.ts";
import { deleteConfig } from "./delete-config.ts";
import { downloadModel } from "./download-model.ts";
import { evaluateLora } from "./evaluate-lora.ts";
import { evaluateModel } from "./evaluate-model.ts";
import { monitorTrainingProgress } from "./monitor-training-progress.ts";
import { exportModel } from "./export-model.ts";
import { exportObservabilityReport } from "./export-observability-report.ts";
import { getConfig } from "./get-config.ts";
import { getTrainingInfo } from "./get-training-info.ts";
import { getTrainingLogs } from "./get-training-logs.ts";
import { getTrainingObservability } from "./get-training-observability.ts";
import { getTrainingSamples } from "./get-training-samples.ts";
import { getTrainingStatus } from "./get-training-status.ts";
import { listAgents } from "./list-agents.ts";
import { listAlertRoutes } from "./list-alert-routes.ts";
import { listConfigs } from "./list-configs.ts";
import { listModelPresets } from "./list-model-presets.ts";
import { listTrainingJobs } from "./list-training-jobs.ts";
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
import { uploadDataset } from "./upload-dataset.ts";
import { validateTrainingConfig } from "./validate-training-config.ts";
import { watchTrainingTimeseries } from "./watch-training-timeseries.ts";

export type EdgeHandlers = { readonly [Name in EdgeToolName]: EdgeHandler<Name> };

export const edgeHandlers = {
  "alert-routing": alertRouting,
  "compare-training-runs": compareTrainingRuns,
  "control-training": controlTraining,
  "create-download-link": createDownloadLink,
  "create-training-config": createTrainingConfig,
  "create-upload-link": createUploadLink,
  "delete-alert-route": deleteAlertRoute,
  "delete-config": deleteConfig,
  "download-model": downloadModel,
  "evaluate-lora": evaluateLora,
  "evaluate-model": evaluateModel,
  "monitor-training-progress": monitorTrainingProgress,
  "export-model": exportModel,
  "export-observability-report": exportObservabilityReport,
  "get-config": getConfig,
  "get-training-info": getTrainingInfo,
  "get-training-logs": getTrainingLogs,
  "get-training-observability": getTrainingObservability,
  "get-training-samples": getTrainingSamples,
  "get-training-status": getTrainingStatus,
  "list-agents": listAgents,
  "list-alert-routes": listAlertRoutes,
  "list-configs": listConfigs,
  "list-model-presets": listModelPresets,
  "list-training-jobs": listTrainingJobs,
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
  "upload-dataset": uploadDataset,
  "validate-training-config": validateTrainingConfig,
  "watch-training-timeseries": watchTrainingTimeseries,
} as const satisfies EdgeHandlers;
