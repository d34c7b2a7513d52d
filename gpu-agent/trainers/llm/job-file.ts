import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import type { LlmWork } from "@trainyard/shared/llm/llm-document.ts";
import type { ProjectConfig } from "@trainyard/shared/llm/project-config.ts";
import type { Home } from "../../home.ts";
import type { Policy } from "../../policy.ts";
import { resolveDataFile } from "../../projects/data-file.ts";
import type { ProjectPlace } from "../../projects/project-place.ts";
import { readRun } from "../../projects/run-place.ts";
import type { JsonObject } from "../box-document.ts";
import { localModel } from "./local-model.ts";
import { wholeAdapters } from "./llm-output.ts";

interface Place {
  readonly home: Home;
  readonly project: ProjectPlace;
  readonly policy: Policy;
  readonly outputName: string;
}

/**
 * What the project's scripts read with `--job`: the run as it was when the job was made, with this box's paths. Throws RUN_NOT_FOUND,
 * DATASET_NOT_FOUND, MODEL_NOT_FOUND, PATH_ESCAPE.
 */
export function jobFile(work: LlmWork, place: Place): JsonObject {
  const { home, project, outputName } = place;
  const run = readRun(project, work.run_id);
  const adaptersOf = (stage: 1 | 2): string => {
    const kept = run.stages.find((one) => one.stage === stage)?.adapters ?? null;
    const found = kept === null ? null : wholeAdapters(kept, [home.outputs, project.folder]);
    if (found !== null) return found;
    throw new AppError("MODEL_NOT_FOUND", `Stage ${stage} of this run has no whole adapters yet.`, {
      hint: "Train it first: start-training with project_path, run_id and this stage.",
      details: { run_id: work.run_id, stage },
    });
  };
  const file = (reference: string | null): string | null =>
    reference === null ? null : resolveDataFile(home, project, reference).path;
  const stage = work.stage ?? 1;
  const output = join(home.outputs, outputName);
  return {
    run_id: work.run_id,
    name: outputName,
    output_dir: output,
    stage: work.stage,
    config: boxConfig(work.config, place.policy),
    data:
      work.kind === "train"
        ? { train: file(work.data.train), validation: file(work.data.validation), test: null }
        : { train: null, validation: null, test: null },
    stage1_adapters: work.kind === "train" && work.stage === 2 ? adaptersOf(1) : null,
    adapters: work.kind === "train" ? null : adaptersOf(stage),
    options: optionsOf(work, place, output),
  };
}

function optionsOf(work: LlmWork, { home, project }: Place, output: string): JsonObject {
  if (work.kind === "evaluate" && work.test_dataset !== null) {
    const { path, format } = resolveDataFile(home, project, work.test_dataset);
    return { test_dataset: path, ...(format === null ? {} : { format }) };
  }
  if (work.export === null) return {};
  const { format, merge_adapters, hf_repo_id } = work.export;
  return { target: join(output, "model"), format, merge_adapters, hf_repo_id };
}

/** A local model is taken from a folder that the policy names; services that it does not name are left out. */
function boxConfig(config: ProjectConfig, policy: Policy): ProjectConfig {
  const { base_model, mlflow, wandb } = config;
  const local = base_model.local_path === null ? null : localModel(base_model.local_path, policy);
  if (base_model.local_path !== null && local === null) {
    throw new AppError(
      "MODEL_NOT_FOUND",
      "The base model's local_path is in no model folder of this box.",
      {
        hint: "Its owner names the folder as model_roots in policy.json; or leave local_path out, and model_id is loaded from the Hub.",
        details: { field: "base_model.local_path" },
      },
    );
  }
  return {
    ...config,
    base_model: { ...base_model, local_path: local },
    mlflow: { ...mlflow, enabled: mlflow.enabled && policy.outbound.includes("mlflow") },
    wandb: { ...wandb, enabled: wandb.enabled && policy.outbound.includes("wandb") },
  };
}
