import type { SyntheticTruth } from "./course.ts";
import type { Fault, Places } from "./fault.ts";
import type { Scenario, ScenarioName, SyntheticFormat } from "./scenarios.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** One imagined run, as the writers of the formats get it. */
export interface Run {
  readonly name: ScenarioName;
  readonly scenario: Scenario;
  readonly format: SyntheticFormat;
  readonly jobName: string;
  readonly steps: number;
  /** Completed count at the start; 0 unless the run was resumed. */
  readonly from: number;
  /** Completed count at which the run ends or the log is looked at. */
  readonly to: number;
  readonly secondsPerStep: number;
  /** First completed count whose loss is not a number; beyond the run's end for a sound one. */
  readonly nanFrom: number;
  readonly fault: Fault | null;
  readonly places: Places;
  readonly random: SeededRandom;
  /** Kept by the writer as it goes. */
  readonly truth: SyntheticTruth;
}

/** Pieces of text; together they are the log. */
export type Pieces = Generator<string, void>;
