import { AppError } from "../../errors.ts";
import { aiToolkitLog } from "./ai-toolkit-log.ts";
import { type SyntheticTruth, unknownTruth } from "./course.ts";
import { faultOf } from "./faults.ts";
import { hfTrainerLog } from "./hf-trainer-log.ts";
import { mlxLmLog } from "./mlx-lm-log.ts";
import type { Pieces, Run } from "./run.ts";
import {
  formatsOf,
  type ScenarioName,
  type SyntheticFormat,
  syntheticScenarios,
} from "./scenarios.ts";
import { sdScriptsLog } from "./sd-scripts-log.ts";
import { seededRandom } from "./seeded-random.ts";

export interface SyntheticLogOptions {
  readonly scenario: ScenarioName;
  readonly steps: number;
  /** `ai-toolkit` unless told. */
  readonly format?: SyntheticFormat | undefined;
  /** Whole number; the same one gives the same bytes for ever. */
  readonly seed?: number | undefined;
  /** What the trainer calls the job: any text of one line. */
  readonly jobName?: string | undefined;
}

/**
 * A log as its trainer would have printed it, in pieces, so that a million steps need no memory. Its first line says
 * that nobody trained. The generator returns what a reader must find at the end.
 * Throws INVALID_ARGUMENT for a scenario that the format cannot show.
 */
export function* syntheticLog(options: SyntheticLogOptions): Generator<string, SyntheticTruth> {
  const {
    scenario: name,
    steps,
    format = "ai-toolkit",
    seed = 1,
    jobName = "synthetic_lora",
  } = options;
  if (!formatsOf(name).includes(format)) {
    throw new AppError("INVALID_ARGUMENT", `A log of ${format} cannot show the scenario ${name}.`, {
      hint: `It can be shown by: ${formatsOf(name).join(", ")}`,
    });
  }
  const scenario = syntheticScenarios[name];
  const places = {
    dataset: "/workspace/datasets/photos",
    model: name === "model-missing" ? "/workspace/models/does-not-exist" : "/workspace/models/base",
    output: `/workspace/output/${jobName}/${jobName}_${String(resumedAt(steps)).padStart(9, "0")}.safetensors`,
  };
  const run: Run = {
    name,
    scenario,
    format,
    jobName,
    steps,
    from: name === "resumed" ? resumedAt(steps) : 0,
    to: scenario.until === "end" ? steps : Math.max(1, Math.floor(steps * 0.6)),
    secondsPerStep: name === "slow" ? 20 : 0.62,
    nanFrom: name === "nan" ? Math.max(1, Math.floor(steps / 2)) : Number.POSITIVE_INFINITY,
    fault: faultOf(name, format, places),
    places,
    random: seededRandom(seed),
    truth: unknownTruth(),
  };
  // The scenario is not said: whoever reads the log has to find it.
  yield `# This log is synthetic: trainyard synth-log wrote it with seed ${seed}, and nothing was trained.\n`;
  yield* writers[format](run);
  return run.truth;
}

function resumedAt(steps: number): number {
  return Math.floor(steps * 0.4);
}

const writers: Readonly<Record<SyntheticFormat, (run: Run) => Pieces>> = {
  "ai-toolkit": aiToolkitLog,
  "hf-trainer": hfTrainerLog,
  "sd-scripts": sdScriptsLog,
  "mlx-lm": mlxLmLog,
};
