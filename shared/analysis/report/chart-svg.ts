import { robustSmooth } from "./chart-series.ts";
import type { ChartSeries } from "./chart-series.ts";
import { escapeHtml } from "./escape-text.ts";

export interface ChartLook {
  readonly title: string;
  readonly unit: string;
  /** Draws the robust curve over the band of extremes; else the points themselves. */
  readonly smooth: boolean;
  /** Logarithmic where all values are above 0. */
  readonly logarithmic: boolean;
}

const width = 760;
const height = 250;
const left = 70;
const right = 30;
const top = 14;
const bottom = 34;

/** One chart as inline SVG, coloured by the page's classes; an empty string when there is nothing to draw. */
export function chartSvg(series: ChartSeries, look: ChartLook): string {
  if (series.steps.length < 2) return "";
  const scale = scalesOf(series, look);
  const curve = look.smooth ? robustSmooth(series.middle) : series.middle;
  const label = `${look.title}: ${series.points} points from step ${tick(series.steps[0] as number)} to ${tick(series.steps.at(-1) as number)}`;
  const marks = series.nonFiniteSteps
    .map((step) => `<path class="bad" d="M${scale.x(step)} ${height - bottom}v-10"/>`)
    .join("");
  return (
    `<figure><figcaption>${escapeHtml(look.title)} <span>${escapeHtml(look.unit)}</span></figcaption>` +
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(label)}">` +
    grid(scale) +
    (look.smooth ? `<path class="band" d="${bandPath(series, scale)}"/>` : "") +
    `<path class="line" d="${linePath(series.steps, curve, scale)}"/>` +
    `${marks}</svg></figure>`
  );
}

interface Scales {
  readonly x: (step: number) => number;
  readonly y: (value: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

function scalesOf(series: ChartSeries, look: ChartLook): Scales {
  const marks = series.nonFiniteSteps;
  const fromStep = Math.min(series.steps[0] as number, marks[0] ?? Number.POSITIVE_INFINITY);
  const toStep = Math.max(series.steps.at(-1) as number, marks.at(-1) ?? 0);
  const shown = look.smooth ? [...series.low, ...series.high] : series.middle;
  const logarithmic = look.logarithmic && shown.every((value) => value > 0);
  const place = logarithmic ? Math.log10 : (value: number): number => value;
  const back = logarithmic ? (value: number): number => 10 ** value : (value: number) => value;
  const least = logarithmic ? place(Math.min(...shown)) : Math.min(0, ...shown);
  const most = place(Math.max(...shown));
  const range = most - least > 0 ? most - least : Math.abs(most) || 1;
  const share = (from: number, span: number, i: number): number => from + (span * i) / 4;
  const stepSpan = toStep - fromStep || 1;
  return {
    x: (step) => fixed(left + ((step - fromStep) / stepSpan) * (width - left - right)),
    y: (value) =>
      fixed(height - bottom - ((place(value) - least) / range) * (height - top - bottom)),
    xTicks: [0, 1, 2, 3, 4].map((i) => Math.round(share(fromStep, stepSpan, i))),
    yTicks: [0, 1, 2, 3, 4].map((i) => back(share(least, range, i))),
  };
}

function grid({ x, y, xTicks, yTicks }: Scales): string {
  const rows = yTicks.map(
    (value) =>
      `<path class="grid" d="M${left} ${y(value)}H${width - right}"/>` +
      `<text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${tick(value)}</text>`,
  );
  const columns = xTicks.map(
    (step) => `<text x="${x(step)}" y="${height - 12}" text-anchor="middle">${tick(step)}</text>`,
  );
  return rows.join("") + columns.join("");
}

function linePath(steps: readonly number[], values: readonly number[], { x, y }: Scales): string {
  return steps
    .map((step, i) => `${i === 0 ? "M" : "L"}${x(step)} ${y(values[i] as number)}`)
    .join("");
}

/** Out along the highs, back along the lows. */
function bandPath({ steps, low, high }: ChartSeries, scale: Scales): string {
  const back = linePath(steps.toReversed(), low.toReversed(), scale);
  return `${linePath(steps, high, scale)}L${back.slice(1)}Z`;
}

function fixed(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Short enough for an axis: 0.0123, 1.2e-5, 25,000. */
export function tick(value: number): string {
  const size = Math.abs(value);
  if (size >= 1_000)
    return Math.round(value)
      .toString()
      .replace(/\B(?=(\d{3})+$)/g, ",");
  if (size !== 0 && size < 1e-3) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}
