import { toolkitCheckpoints, toolkitSamples } from "../../../gpu-agent/trainers/toolkit-output.ts";
import type { Trainer } from "../../../gpu-agent/trainers/trainer.ts";

/** A trainer whose process runs the given JavaScript; `OUT` is the job's output folder, `NAME` its name. */
export function scriptedTrainer(script: string, more: Partial<Trainer> = {}): Trainer {
  return {
    name: "scripted",
    detect: async () => ({ name: "scripted", found: true, version: "1", reason: null }),
    prepare: async (request) => ({
      command: process.execPath,
      args: ["--input-type=module", "-e", script],
      cwd: request.files.folder,
      environment: {
        OUT: `${request.home.outputs}/${request.outputName}`,
        NAME: request.outputName,
      },
      configText: "{}",
      name: request.outputName,
      outputName: request.outputName,
      metricsDatabase: null,
      totalSteps: request.totalSteps,
    }),
    checkpoints: toolkitCheckpoints,
    samples: toolkitSamples,
    ...more,
  };
}

/** One tensor of four bytes: the smallest valid file. */
export const writeModel = `
import { writeFileSync } from "node:fs";
globalThis.model = (path, cut = 0) => {
  const header = Buffer.from(JSON.stringify({ a: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }));
  const length = Buffer.alloc(8); length.writeBigUInt64LE(BigInt(header.length));
  const bytes = Buffer.concat([length, header, Buffer.alloc(4)]);
  writeFileSync(path, bytes.subarray(0, bytes.length - cut));
};
globalThis.bar = (n, total) => process.stderr.write("\\r" + process.env.NAME + ":  50%|█████     | " + n + "/" + total + " [00:01<00:01,  5.00it/s, lr: 1.0e-04 loss: 1.00" + n + "e-01]");
`;
