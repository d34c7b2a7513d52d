/** A weighted linear fit by the normal equations: small, exact enough for a few columns of well-scaled numbers. */
export interface Fit {
  readonly coefficients: readonly number[];
  /** Inverse of the weighted normal matrix: its diagonal times the residual variance is each coefficient's variance. */
  readonly inverse: readonly (readonly number[])[];
  readonly residuals: readonly number[];
  /** Weighted sum of squared residuals divided by the degrees of freedom. */
  readonly variance: number;
  readonly degreesOfFreedom: number;
}

/** `columns` are the explaining columns, each as long as `y` and `weights`. Null when they do not determine a fit. */
export function fitLeastSquares(
  columns: readonly (readonly number[])[],
  y: readonly number[],
  weights: readonly number[],
): Fit | null {
  const p = columns.length;
  const degreesOfFreedom = y.length - p;
  if (degreesOfFreedom < 1) return null;
  const normal = columns.map((a) => columns.map((b) => weightedProduct(a, b, weights)));
  const inverse = invert(normal);
  if (inverse === null) return null;
  const right = columns.map((column) => weightedProduct(column, y, weights));
  const coefficients = inverse.map((row) =>
    row.reduce((sum, value, j) => sum + value * (right[j] as number), 0),
  );
  const residuals = y.map((value, i) =>
    columns.reduce(
      (left, column, j) => left - (coefficients[j] as number) * (column[i] as number),
      value,
    ),
  );
  const variance = weightedProduct(residuals, residuals, weights) / degreesOfFreedom;
  return { coefficients, inverse, residuals, variance, degreesOfFreedom };
}

function weightedProduct(
  a: readonly number[],
  b: readonly number[],
  weights: readonly number[],
): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) {
    sum += (weights[i] as number) * (a[i] as number) * (b[i] as number);
  }
  return sum;
}

/** Gauss and Jordan with row exchange; null when a pivot vanishes against the matrix. */
function invert(matrix: readonly (readonly number[])[]): number[][] | null {
  const p = matrix.length;
  const rows = matrix.map((row, i) => [
    ...row,
    ...Array.from({ length: p }, (_, j) => (i === j ? 1 : 0)),
  ]);
  const size = Math.max(...matrix.flat().map(Math.abs));
  for (let c = 0; c < p; c += 1) {
    let pivot = c;
    for (let r = c + 1; r < p; r += 1) {
      if (at(rows, r, c) ** 2 > at(rows, pivot, c) ** 2) pivot = r;
    }
    if (!(Math.abs(at(rows, pivot, c)) > size * 1e-12)) return null;
    [rows[c], rows[pivot]] = [rows[pivot] as number[], rows[c] as number[]];
    const head = at(rows, c, c);
    rows[c] = (rows[c] as number[]).map((value) => value / head);
    for (let r = 0; r < p; r += 1) {
      const factor = at(rows, r, c);
      if (r === c || factor === 0) continue;
      rows[r] = (rows[r] as number[]).map((value, j) => value - factor * at(rows, c, j));
    }
  }
  return rows.map((row) => row.slice(p));
}

function at(rows: readonly (readonly number[])[], r: number, c: number): number {
  return (rows[r] as readonly number[])[c] as number;
}
