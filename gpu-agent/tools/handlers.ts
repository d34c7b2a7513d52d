import type { ToolContract } from "@trainyard/shared/tools/define-tool.ts";
import { getSystemStats as getSystemStatsContract } from "@trainyard/shared/tools/get-system-stats.ts";
import { listComfyuiModels as listComfyuiModelsContract } from "@trainyard/shared/tools/list-comfyui-models.ts";
import { listDatasets as listDatasetsContract } from "@trainyard/shared/tools/list-datasets.ts";
import { listExportedModels as listExportedModelsContract } from "@trainyard/shared/tools/list-exported-models.ts";
import type { AgentToolName, Tools } from "@trainyard/shared/tools/registry.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { getSystemStats } from "./get-system-stats.ts";
import { listComfyuiModels } from "./list-comfyui-models.ts";
import { listDatasets } from "./list-datasets.ts";
import { listExportedModels } from "./list-exported-models.ts";
import type { AgentToolHandler } from "./tool-handler.ts";

/** Exactly the tools that run on the box; the compiler holds it. The registry itself stays a type here: memory. */
const handlers = {
  "get-system-stats": getSystemStats,
  "list-comfyui-models": listComfyuiModels,
  "list-datasets": listDatasets,
  "list-exported-models": listExportedModels,
} satisfies { readonly [Name in AgentToolName]: AgentToolHandler<Name> };

const contracts = {
  "get-system-stats": getSystemStatsContract,
  "list-comfyui-models": listComfyuiModelsContract,
  "list-datasets": listDatasetsContract,
  "list-exported-models": listExportedModelsContract,
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
