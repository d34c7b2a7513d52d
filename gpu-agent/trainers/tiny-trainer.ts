import { existsSync } from "node:fs";
import { join } from "node:path";
import { metricsOf, onThisBox } from "./box-document.ts";
import { jobTableControl } from "./job-table.ts";
import { toolkitCheckpoints, toolkitSamples } from "./toolkit-output.ts";
import type { Trainer } from "./trainer.ts";

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
    async prepare(request) {
      const { document, processes } = onThisBox(request);
      const metrics = metricsOf(processes[0] ?? {});
      return {
        command: process.execPath,
        args: [options.entry, request.files.config],
        cwd: request.files.folder,
        environment: { AITK_JOB_ID: request.jobId },
        configText: `${JSON.stringify(document, null, 2)}\n`,
        name: request.outputName,
        outputName: request.outputName,
        metricsDatabase: metrics.kept
          ? join(request.home.outputs, request.outputName, "loss_log.db")
          : null,
        metricsEvery: metrics.every,
        jobTable: { path: request.files.jobTable, requests: ["save", "sample", "stop"] },
        totalSteps: request.totalSteps,
      };
    },
    checkpoints: toolkitCheckpoints,
    samples: toolkitSamples,
    control: jobTableControl,
  };
}
