import type { ToolContract } from "@trainyard/shared/tools/define-tool.ts";
import { analyzeDataset as analyzeDatasetContract } from "@trainyard/shared/tools/analyze-dataset.ts";
import { autoImproveDataset as autoImproveDatasetContract } from "@trainyard/shared/tools/auto-improve-dataset.ts";
import { configureTrainingRun as configureTrainingRunContract } from "@trainyard/shared/tools/configure-training-run.ts";
import { editCaptions as editCaptionsContract } from "@trainyard/shared/tools/edit-captions.ts";
import { generateFineTuningProject as generateFineTuningProjectContract } from "@trainyard/shared/tools/generate-fine-tuning-project.ts";
import { getDatasetInfo as getDatasetInfoContract } from "@trainyard/shared/tools/get-dataset-info.ts";
import { deleteDataset as deleteDatasetContract } from "@trainyard/shared/tools/delete-dataset.ts";
import { deleteModel as deleteModelContract } from "@trainyard/shared/tools/delete-model.ts";
import { getSystemStats as getSystemStatsContract } from "@trainyard/shared/tools/get-system-stats.ts";
import { listComfyuiModels as listComfyuiModelsContract } from "@trainyard/shared/tools/list-comfyui-models.ts";
import { listDatasets as listDatasetsContract } from "@trainyard/shared/tools/list-datasets.ts";
import { listExportedModels as listExportedModelsContract } from "@trainyard/shared/tools/list-exported-models.ts";
import type { AgentToolName, Tools } from "@trainyard/shared/tools/registry.ts";
import { undoDatasetChange as undoDatasetChangeContract } from "@trainyard/shared/tools/undo-dataset-change.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { analyzeDataset } from "./analyze-dataset.ts";
import { autoImproveDataset } from "./auto-improve-dataset.ts";
import { configureTrainingRun } from "./configure-training-run.ts";
import { editCaptions } from "./edit-captions.ts";
import { generateFineTuningProject } from "./generate-fine-tuning-project.ts";
import { getDatasetInfo } from "./get-dataset-info.ts";
import { deleteDataset } from "./delete-dataset.ts";
import { deleteModel } from "./delete-model.ts";
import { getSystemStats } from "./get-system-stats.ts";
import { listComfyuiModels } from "./list-comfyui-models.ts";
import { listDatasets } from "./list-datasets.ts";
import { listExportedModels } from "./list-exported-models.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { undoDatasetChange } from "./undo-dataset-change.ts";

/** Exactly the tools that run on the box; the compiler holds it. The registry itself stays a type here: memory. */
const handlers = {
  "analyze-dataset": analyzeDataset,
  "auto-improve-dataset": autoImproveDataset,
  "configure-training-run": configureTrainingRun,
  "edit-captions": editCaptions,
  "generate-fine-tuning-project": generateFineTuningProject,
  "get-dataset-info": getDatasetInfo,
  "delete-dataset": deleteDataset,
  "delete-model": deleteModel,
  "get-system-stats": getSystemStats,
  "list-comfyui-models": listComfyuiModels,
  "list-datasets": listDatasets,
  "list-exported-models": listExportedModels,
  "undo-dataset-change": undoDatasetChange,
} satisfies { readonly [Name in AgentToolName]: AgentToolHandler<Name> };

const contracts = {
  "analyze-dataset": analyzeDatasetContract,
  "auto-improve-dataset": autoImproveDatasetContract,
  "configure-training-run": configureTrainingRunContract,
  "edit-captions": editCaptionsContract,
  "generate-fine-tuning-project": generateFineTuningProjectContract,
  "get-dataset-info": getDatasetInfoContract,
  "delete-dataset": deleteDatasetContract,
  "delete-model": deleteModelContract,
  "get-system-stats": getSystemStatsContract,
  "list-comfyui-models": listComfyuiModelsContract,
  "list-datasets": listDatasetsContract,
  "list-exported-models": listExportedModelsContract,
  "undo-dataset-change": undoDatasetChangeContract,
} satisfies { readonly [Name in AgentToolName]: Tools[Name] };

export interface AgentTool {
  readonly contract: ToolContract;
  /** The input is what the contract's schema returned. */
  run(
    input: unknown,
    context: OperationContext,
  ): Promise<{ data: Record<string, unknown>; text: string }>;
}

/** A Map, never an object: names come off the wire. */
export const agentTools: ReadonlyMap<string, AgentTool> = new Map(
  (Object.keys(handlers) as AgentToolName[]).map((name) => [
    name,
    {
      contract: contracts[name],
      run: handlers[name] as (
        input: unknown,
        context: OperationContext,
      ) => Promise<{ data: Record<string, unknown>; text: string }>,
    },
  ]),
);
