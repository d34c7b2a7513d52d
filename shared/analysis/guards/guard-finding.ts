import type { Evidence } from "../../jobs/failure.ts";
import type { GuardrailCode } from "./guard-rules.ts";

/** What a rule has found, in our words and numbers only. */
export interface Finding {
  readonly code: GuardrailCode;
  readonly severity: "warning" | "critical";
  readonly category: "quality" | "memory" | "progress" | "speed" | "disk" | "limit";
  readonly message: string;
  readonly step: number | null;
  readonly evidence: Evidence;
  /** Nothing is stopped for it, whatever the rule says: it is a warning by itself. */
  readonly onlyWarns?: true;
  /** A checkpoint must not be asked for: there is no room for it. */
  readonly noSave?: true;
}

/** What a finding does: the agent obeys, it decides nothing. */
export interface Trigger extends Omit<Finding, "onlyWarns" | "noSave"> {
  readonly act: "stop" | "would-stop" | "warn";
  /** Whether a checkpoint is asked for before the stop. */
  readonly save: boolean;
}

/** Of numbers that are not sorted; NaN for none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** For evidence and sentences: four digits are enough to act on. */
export function shortNumber(value: number): number {
  return Number(value.toPrecision(4));
}
