import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { resolveDataset } from "../datasets/dataset-folder.ts";
import { jobTableControl } from "./job-table.ts";
import { toolkitCheckpoints, toolkitSamples } from "./toolkit-output.ts";
import type { PrepareRequest, Trainer } from "./trainer.ts";

/** The small real trainer that comes with the package; `entry` is its script. */
export function createTinyTrainer(options: {
  readonly entry: string;
  readonly version: string;
}): Trainer {
  return {
    name: "tiny",
    detect: async () => {
      const found = existsSync(options.entry);
      return {
        name: "tiny",
        found,
        version: found ? options.version : null,
        reason: found ? null : "The package is incomplete: the tiny trainer's script is missing.",
      };
    },
    prepare(request) {
      const document = onThisBox(request);
      return {
        command: process.execPath,
        args: [options.entry, request.files.config],
        cwd: request.files.folder,
        environment: { AITK_JOB_ID: request.jobId },
        configText: `${JSON.stringify(document, null, 2)}\n`,
        name: request.outputName,
        outputName: request.outputName,
        metricsDatabase: logsToDatabase(document)
          ? join(request.home.outputs, request.outputName, "loss_log.db")
          : null,
        metricsEvery: metricsEvery(document),
        jobTable: { path: request.files.jobTable, requests: ["save", "sample", "stop"] },
        totalSteps: request.totalSteps,
      };
    },
    checkpoints: toolkitCheckpoints,
    samples: toolkitSamples,
    control: jobTableControl,
  };
}

/** The virtual roots of the document become this box's folders; the config's name becomes the folder of the job. */
function onThisBox({ document, home, files, outputName }: PrepareRequest): Record<string, unknown> {
  const copy = structuredClone(document) as Record<string, unknown>;
  const config = copy["config"];
  if (!isObject(config)) throw notAConfig("config");
  const processes = config["process"];
  if (!Array.isArray(processes) || !processes.every(isObject)) throw notAConfig("config.process");
  config["name"] = outputName;
  for (const one of processes) {
    one["training_folder"] = home.outputs;
    one["sqlite_db_path"] = files.jobTable;
    const datasets = one["datasets"];
    if (!Array.isArray(datasets) || !datasets.every(isObject)) continue;
    for (const dataset of datasets) {
      for (const key of ["folder_path", "dataset_path"]) {
        // Null and "" stand for "not given" in AI Toolkit's own configs.
        if (dataset[key] === undefined || dataset[key] === null || dataset[key] === "") continue;
        dataset[key] = resolveDataset(home, dataset[key]);
      }
    }
  }
  return copy;
}

/** Only where the config switches it off does the bar become the source. */
function logsToDatabase(document: Record<string, unknown>): boolean {
  return loggingOf(document)["use_ui_logger"] !== false;
}

function metricsEvery(document: Record<string, unknown>): number {
  const steps = loggingOf(document)["log_every"];
  return typeof steps === "number" && Number.isInteger(steps) && steps > 0 ? steps : 1;
}

function loggingOf(document: Record<string, unknown>): Record<string, unknown> {
  const config = document["config"];
  const processes = isObject(config) ? config["process"] : null;
  const first: unknown = Array.isArray(processes) ? processes[0] : null;
  const logging = isObject(first) ? first["logging"] : null;
  return isObject(logging) ? logging : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notAConfig(field: string): AppError {
  return new AppError("CONFIG_INVALID", `The config has no usable ${field}.`, {
    hint: "Make the config with create-training-config, or check it with validate-training-config.",
  });
}
