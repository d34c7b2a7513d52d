/** Every tool that runs at the edge, once; the compiler checks that none is missing and none is too many. */
import type { EdgeToolName } from "@trainyard/shared/tools/registry.ts";
import type { EdgeHandler } from "./context.ts";
import { createDownloadLink } from "./create-download-link.ts";
import { createTrainingConfig } from "./create-training-config.ts";
import { createUploadLink } from "./create-upload-link.ts";
import { downloadModel } from "./download-model.ts";
import { getConfig } from "./get-config.ts";
import { getTrainingLogs } from "./get-training-logs.ts";
import { getTrainingStatus } from "./get-training-status.ts";
import { listAgents } from "./list-agents.ts";
import { listConfigs } from "./list-configs.ts";
import { listTrainingJobs } from "./list-training-jobs.ts";
import { runTrainingWithGuardrails } from "./run-training-with-guardrails.ts";
import { startTraining } from "./start-training.ts";
import { stopTraining } from "./stop-training.ts";
import { uploadDataset } from "./upload-dataset.ts";
import { validateTrainingConfig } from "./validate-training-config.ts";
import { watchTrainingTimeseries } from "./watch-training-timeseries.ts";

export type EdgeHandlers = { readonly [Name in EdgeToolName]: EdgeHandler<Name> };

export const edgeHandlers = {
  "create-download-link": createDownloadLink,
  "create-training-config": createTrainingConfig,
  "create-upload-link": createUploadLink,
  "download-model": downloadModel,
  "get-config": getConfig,
  "get-training-logs": getTrainingLogs,
  "get-training-status": getTrainingStatus,
  "list-agents": listAgents,
  "list-configs": listConfigs,
  "list-training-jobs": listTrainingJobs,
  "run-training-with-guardrails": runTrainingWithGuardrails,
  "start-training": startTraining,
  "stop-training": stopTraining,
  "upload-dataset": uploadDataset,
  "validate-training-config": validateTrainingConfig,
  "watch-training-timeseries": watchTrainingTimeseries,
} as const satisfies EdgeHandlers;
