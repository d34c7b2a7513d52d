import type { ScenarioName, SyntheticFormat } from "./scenarios.ts";
import type { Raised } from "./traceback.ts";

/** Where the imagined run keeps its things. */
export interface Places {
  readonly dataset: string;
  readonly model: string;
  readonly output: string;
}

/** How a run ends badly, in the words of the trainer and its libraries. */
export interface Fault {
  /** Printed before; the trainer, not Python, says it. */
  readonly before?: readonly string[];
  /** Empty when no exception is printed. */
  readonly chain: readonly Raised[];
  /** Printed after the process is gone: by the shell or the launcher. */
  readonly after?: readonly string[];
}

/** One exception from the frames of a library. */
export function raised(line: string, ...frames: Raised["frames"]): Fault {
  return { chain: [{ frames, lines: [line] }] };
}

/** May differ from trainer to trainer. */
type MakeFault = (format: SyntheticFormat, places: Places) => Fault;
export type Faults = Readonly<Partial<Record<ScenarioName, MakeFault>>>;
