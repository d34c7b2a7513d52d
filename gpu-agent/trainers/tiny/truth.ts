import { appendFileSync } from "node:fs";

/** What really happened, for tests that check what others made of it. */
type Fact =
  | {
      readonly t: "start";
      readonly pid: number;
      readonly start_step: number;
      readonly total_steps: number;
      readonly at_ms: number;
    }
  | {
      readonly t: "step";
      readonly step: number;
      readonly loss: number | "NaN";
      readonly lr: number;
      readonly at_ms: number;
    }
  | { readonly t: "save"; readonly step: number; readonly path: string; readonly final: boolean }
  | { readonly t: "sample"; readonly step: number; readonly index: number; readonly path: string }
  | { readonly t: "end"; readonly how: "completed" | "sigint" | "asked" | "error" };

export interface Truth {
  /** One append per fact, at the moment it is true: a kill loses nothing that had happened. */
  readonly write: (fact: Fact) => void;
}

export function openTruth(path: string): Truth {
  return { write: (fact) => appendFileSync(path, `${JSON.stringify(fact)}\n`) };
}
