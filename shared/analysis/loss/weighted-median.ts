/** The value below which half of the weight lies; null without values. */
export function weightedMedian(
  values: readonly number[],
  weights: readonly number[],
): number | null {
  const order = values
    .map((_, i) => i)
    .sort((a, b) => (values[a] as number) - (values[b] as number));
  const half = weights.reduce((sum, weight) => sum + weight, 0) / 2;
  let seen = 0;
  for (let i = 0; i < order.length; i += 1) {
    const at = order[i] as number;
    seen += weights[at] as number;
    if (seen > half) return values[at] as number;
    if (seen === half) {
      return ((values[at] as number) + (values[order[i + 1] ?? at] as number)) / 2;
    }
  }
  return null;
}
