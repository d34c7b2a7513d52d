import { findProject } from "../projects/project-place.ts";
import { readRun } from "../projects/run-place.ts";
import { wholeAdapters } from "../trainers/llm/llm-output.ts";
import type { OperationHandler } from "./operation-context.ts";

export const readRunOperation: OperationHandler<"read-run"> = ({ project, runId }, { home }) => {
  const place = findProject(home, project);
  const run = readRun(place, runId);
  const roots = [home.outputs, place.folder];
  return {
    project: place.shown,
    path: place.folder,
    runId: run.runId,
    config: run.config,
    data: run.data,
    trained: run.stages
      .filter(({ adapters }) => adapters !== null && wholeAdapters(adapters, roots) !== null)
      .map(({ stage }) => stage),
  };
};
