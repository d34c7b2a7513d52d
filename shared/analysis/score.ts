import type { JsonValue } from "../tools/vocabulary.ts";

/** A number from 0 to 100 with the rule that made it and what it was made from. Null is unknown, and says why. */
export interface Score {
  readonly value: number | null;
  /** Name and version of the formula; docs/analysis.md has each. */
  readonly rule: string;
  /** Public JSON: the figures the formula looked at. */
  readonly evidence: Readonly<Record<string, JsonValue>>;
  /** Why the value is null: a word such as `no_loss`; null when there is a value. */
  readonly unknown: string | null;
}

export function scored(rule: string, value: number, evidence: Score["evidence"]): Score {
  return { value: round(clamp(value, 0, 100), 2), rule, evidence, unknown: null };
}

export function unknownScore(rule: string, why: string, evidence: Score["evidence"] = {}): Score {
  return { value: null, rule, evidence, unknown: why };
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** To so many decimals; what is not finite becomes null, because it is no JSON. */
export function round(value: number, decimals: number): number;
export function round(value: number | null, decimals: number): number | null;
export function round(value: number | null, decimals: number): number | null {
  if (value === null) return null;
  const unit = 10 ** decimals;
  const rounded = Math.round(value * unit) / unit;
  return Number.isFinite(rounded) ? rounded + 0 : value;
}

/** Six significant digits, for losses, rates and slopes of any size. */
export function significant(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : Number(value.toPrecision(6));
}

/**
 * Mean of the known scores by weight; the unknown ones drop out and the rest count for the whole. `known` is the share of
 * the weight that is known. Null when no weight is known.
 */
export function weightedScore(
  scores: Readonly<Record<string, number | null>>,
  weights: Readonly<Record<string, number>>,
): { readonly value: number | null; readonly known: number } {
  let sum = 0;
  let weight = 0;
  let total = 0;
  for (const [name, share] of Object.entries(weights)) {
    total += share;
    const score = scores[name] ?? null;
    if (score === null) continue;
    sum += share * score;
    weight += share;
  }
  if (weight <= 0) return { value: null, known: 0 };
  return { value: round(clamp(sum / weight, 0, 100), 2), known: weight / total };
}
