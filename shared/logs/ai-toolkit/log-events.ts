export type LogStream = "stdout" | "stderr";

export type LogPhase = "loading" | "caching" | "training" | "sampling" | "saving";

export type LogEvent =
  /** `currentStep` counts completed steps. The speed is the running one, never the closing bar's average. */
  | {
      readonly kind: "progress";
      readonly currentStep: number;
      readonly totalSteps: number;
      readonly stepsPerSecond: number | null;
      readonly remainingSeconds: number | null;
    }
  /** `step` is the loop index. `loss` is NaN where the log said so, though the bar prints 0: not JSON as it is. */
  | {
      readonly kind: "barLoss";
      readonly step: number;
      readonly loss: number;
      readonly lr: number | null;
    }
  /** A line of numbers for one step, as Hugging Face's Trainer prints it; `step` is the loop index. NaN as such. */
  | {
      readonly kind: "metrics";
      readonly step: number;
      readonly values: ReadonlyMap<string, number>;
    }
  /** `step` is known only when the bar's 0 was read before the line; else the next `barLoss` of 0 becomes NaN. */
  | { readonly kind: "nan"; readonly step: number | null }
  | { readonly kind: "phase"; readonly phase: LogPhase }
  | { readonly kind: "savingStarted"; readonly step: number }
  /** `path` is what was printed; some architectures write other names. `step` null for the final file. */
  | {
      readonly kind: "save";
      readonly step: number | null;
      readonly path: string;
      readonly final: boolean;
    }
  | { readonly kind: "pruned"; readonly path: string }
  | { readonly kind: "sampling"; readonly index: number; readonly total: number }
  /** The path is printed before the step: the event comes once with `step` null, and again when the step is known. */
  | { readonly kind: "resumed"; readonly path: string; readonly step: number | null }
  | { readonly kind: "stopMarker" }
  | { readonly kind: "errorLine"; readonly text: string }
  | { readonly kind: "oomSkipped"; readonly n: number }
  | { readonly kind: "trainerNamed"; readonly text: string }
  | { readonly kind: "traceback"; readonly lastLine: string };
