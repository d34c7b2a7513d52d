import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { checkedConfig, overrideConfig } from "@trainyard/shared/llm/override-config.ts";
import { stagesOf } from "@trainyard/shared/llm/project-config.ts";
import type { ProjectConfig } from "@trainyard/shared/llm/project-config.ts";
import { newRunId, parseRunName } from "@trainyard/shared/llm/run-names.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import type { JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import { readText } from "../configs/config-text.ts";
import { syncFolder, writeFileAtomic } from "../files/atomic-write.ts";
import { checkDatasets } from "../projects/check-datasets.ts";
import type { DataFacts } from "../projects/check-datasets.ts";
import { resolveDataFile } from "../projects/data-file.ts";
import { configFile, findProject } from "../projects/project-place.ts";
import type { ProjectPlace } from "../projects/project-place.ts";
import { manifestFile, runConfigFile } from "../projects/run-place.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { openInside, plainPathInside } from "../safe-path.ts";
import type { AgentToolHandler } from "./tool-handler.ts";

interface RunFile {
  readonly role: "train" | "validation" | "test";
  readonly reference: string;
  readonly path: string;
}

export const configureTrainingRun: AgentToolHandler<"configure-training-run"> = async (
  input,
  context,
) => {
  const runName = parseRunName(input.run_name);
  const place = findProject(context.home, input.project_path);
  const config = overrideConfig(await readProjectConfig(place), input.override_params ?? {});
  const files = filesOf(input.training_data, config, place, context);
  const { facts, warnings } = await look(files, config, place, context);
  const runId = newRunId(runName, context.time.now());
  const folder = writeRun(place, runId, runName, { config, files, facts }, context);
  const summary = summaryOf(place, config, files, facts);
  return {
    data: {
      success: true,
      run_id: runId,
      run_directory: folder,
      manifest_path: join(folder, manifestFile),
      configuration_summary: summary,
      warnings,
    },
    text: `Run ${runId} is configured${warnings.length === 0 ? "" : `; ${warnings.length} warnings, see warnings`}. Next: start-training with project_path ${place.shown} and this run_id.`,
  };
};

/** Throws CONFIG_INVALID for what a person made of it. */
async function readProjectConfig({ root, segments }: ProjectPlace): Promise<ProjectConfig> {
  const file = openInside(root, [...segments, ...configFile.split(/[/\\]/)]);
  let text: string;
  try {
    text = readFileSync(file.descriptor, "utf8");
  } finally {
    file.close();
  }
  const { document, problem } = await readText(text);
  if (problem === null) return checkedConfig(document, "CONFIG_INVALID");
  throw new AppError("CONFIG_INVALID", "The project's config/fine_tuning_config.yaml is no YAML.", {
    hint: problem.message,
  });
}

function filesOf(
  given: ToolInput<"configure-training-run">["training_data"],
  config: ProjectConfig,
  place: ProjectPlace,
  { home }: OperationContext,
): RunFile[] {
  const named = [
    ["train", given.train_dataset],
    ["validation", given.validation_dataset],
    ["test", given.test_dataset],
  ] as const;
  return named.flatMap(([role, reference]) => {
    if (reference === undefined) return [];
    const { path, format } = resolveDataFile(home, place, reference);
    if (format !== null && format !== config.dataset.format) {
      throw new AppError(
        "INVALID_ARGUMENT",
        `The ${role} dataset is a ${format} file, and the project reads ${config.dataset.format}.`,
        {
          hint: `Give a ${config.dataset.format} file, or set override_params {"dataset": {"format": "${format}"}}.`,
          details: { field: `training_data.${role}_dataset` },
        },
      );
    }
    return [{ role, reference, path }];
  });
}

/** Reads the datasets with the box's Python; without one the run is made all the same, and its start reads them. */
async function look(
  files: readonly RunFile[],
  config: ProjectConfig,
  place: ProjectPlace,
  { llm }: OperationContext,
): Promise<{ readonly facts: readonly DataFacts[] | null; readonly warnings: string[] }> {
  const warnings =
    files.length < 2
      ? ["There is no validation dataset: overfitting will not show."]
      : config.dataset.quality_field === null && config.features.enable_quality_weighting
        ? ["The project names no quality_field: all rows are drawn evenly."]
        : [];
  const python = llm.python(place.folder);
  if (python === null) {
    return {
      facts: null,
      warnings: [...warnings, "The datasets were not looked at: this box has no Python."],
    };
  }
  const facts = await checkDatasets({ folder: place.folder, python }, files, config);
  if (facts === null) {
    return {
      facts,
      warnings: [
        ...warnings,
        "The datasets are too large to be looked at here; the start reads them whole.",
      ],
    };
  }
  const few = (facts[0]?.rows ?? 0) < 10 ? ["The training dataset has fewer than 10 rows."] : [];
  const without = facts[0]?.rows_without_quality ?? 0;
  const unsure = without > 0 ? [`${without} training rows have no quality and count once.`] : [];
  return { facts, warnings: [...warnings, ...few, ...unsure] };
}

interface RunContent {
  readonly config: ProjectConfig;
  readonly files: readonly RunFile[];
  readonly facts: readonly DataFacts[] | null;
}

/** The folder appears whole. Throws NAME_CONFLICT for two runs of one name in one second. */
function writeRun(
  place: ProjectPlace,
  runId: string,
  runName: string,
  { config, files, facts }: RunContent,
  { time }: OperationContext,
): string {
  const runs = plainPathInside(place.root, [...place.segments, "runs"]);
  const folder = plainPathInside(place.root, [...place.segments, "runs", runId]);
  const work = join(runs, `.new-${runId}`);
  const pick = (key: "path" | "reference") => (role: RunFile["role"]) =>
    files.find((file) => file.role === role)?.[key] ?? null;
  const all = (value: (role: RunFile["role"]) => string | null) => ({
    train: value("train"),
    validation: value("validation"),
    test: value("test"),
  });
  mkdirSync(work, { recursive: true, mode: 0o700 });
  try {
    writeJson(join(work, runConfigFile), {
      run_id: runId,
      run_name: runName,
      config,
      data: all(pick("path")),
      references: all(pick("reference")),
    });
    writeJson(join(work, manifestFile), {
      manifest_version: "2.0",
      run_id: runId,
      run_name: runName,
      project: config.project.name,
      created_at: new Date(time.now()).toISOString(),
      status: "not_started",
      base_model: config.base_model,
      training_data: Object.fromEntries(
        files.map(({ role, path }, at) => [role, { path, ...facts?.[at] }]),
      ),
      stages: Object.fromEntries(
        stagesOf(config).map(({ stage, iterations }) => [
          stage,
          {
            status: "not_started",
            iterations,
            learning_rate: (stage === 2 ? config.training.stage2 : config.training.stage1)
              ?.learning_rate,
            adapters: null,
          },
        ]),
      ),
      final_model: null,
      evaluations: [],
      exports: [],
      environment: null,
    });
    renameSync(work, folder);
    syncFolder(runs);
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    if (!["ENOTEMPTY", "EEXIST"].includes(String((error as { code?: unknown }).code))) throw error;
    throw new AppError("NAME_CONFLICT", "A run of that name was made this very second.", {
      hint: "Use that run, or call again.",
      details: { run_id: runId },
    });
  }
  return folder;
}

function writeJson(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

function summaryOf(
  place: ProjectPlace,
  config: ProjectConfig,
  files: readonly RunFile[],
  facts: readonly DataFacts[] | null,
): JsonDocument {
  const { training, base_model, lora, dataset } = config;
  const rows = facts?.[0]?.rows ?? null;
  return {
    project: place.shown,
    base_model: base_model.local_path ?? base_model.model_id,
    quantization: base_model.quantization,
    stages: stagesOf(config).map(({ stage, iterations }) => {
      const values = stage === 2 ? training.stage2 : training.stage1;
      const drawn = iterations * (values?.batch_size ?? 1) * training.gradient_accumulation_steps;
      return {
        stage,
        iterations,
        learning_rate: values?.learning_rate,
        batch_size: values?.batch_size,
        epochs: rows === null ? null : Math.round((drawn / rows) * 100) / 100,
      };
    }),
    lora: { ...lora },
    quality_weighting:
      dataset.quality_field !== null && config.features.enable_quality_weighting
        ? training.quality_weight_multiplier
        : null,
    datasets: Object.fromEntries(
      files.map(({ role, reference }, at) => [
        role,
        {
          path: reference,
          rows: facts?.[at]?.rows ?? null,
          high_quality_rows: facts?.[at]?.high_quality_rows ?? null,
        },
      ]),
    ),
  };
}
