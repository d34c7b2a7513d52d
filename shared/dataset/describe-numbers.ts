/** The statistics block of the earlier systems (peers 2.1). There `last` was the largest by mistake; here it is the last one given. */
export interface NumberSummary {
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly median: number | null;
  readonly last: number | null;
}

/** Six decimals; all null for no numbers. */
export function describeNumbers(values: readonly number[]): NumberSummary {
  if (values.length === 0)
    return { count: 0, min: null, max: null, mean: null, median: null, last: null };
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median =
    sorted.length % 2 === 1
      ? sorted[middle]
      : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return {
    count: sorted.length,
    min: rounded(sorted[0]),
    max: rounded(sorted.at(-1)),
    mean: rounded(sorted.reduce((sum, value) => sum + value, 0) / sorted.length),
    median: rounded(median),
    last: rounded(values.at(-1)),
  };
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1_000_000) / 1_000_000;
}
