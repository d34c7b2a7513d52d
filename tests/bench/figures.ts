/** How every figure is printed: median, spread, how many, and what it is held against. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  /** What the issue or the design asks for. */
  readonly goal?: { readonly kind: "at most" | "at least"; readonly value: number };
  readonly note?: string;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function printFigure(figure: Figure): void {
  const median = percentile(figure.values, 0.5);
  const parts = [`${figure.name}: ${round(median)} ${figure.unit}`];
  if (figure.values.length > 1) {
    parts.push(
      `[${round(Math.min(...figure.values))} to ${round(Math.max(...figure.values))}], n = ${figure.values.length}`,
    );
  }
  if (figure.goal !== undefined) {
    const { kind, value } = figure.goal;
    const met = kind === "at most" ? median <= value : median >= value;
    parts.push(`goal ${kind} ${value}: ${met ? "met" : "MISSED"}`);
  }
  if (figure.note !== undefined) parts.push(figure.note);
  console.log(parts.join("  "));
}

function round(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  return magnitude >= 1_000
    ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(4)));
}
